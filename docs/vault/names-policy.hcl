# Who may see which names the shop's settings have, and none of the values.
path "secret/subkeys/aiogram-shop" {
  capabilities = ["read"]
}
