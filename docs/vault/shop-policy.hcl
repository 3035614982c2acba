# What the shop bot may do: read its own settings, and nothing else.
path "secret/data/aiogram-shop" {
  capabilities = ["read"]
}
