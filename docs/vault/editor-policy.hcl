# What whoever migrates and rotates the shop's settings may do besides reading them.
path "secret/data/aiogram-shop" {
  capabilities = ["create", "read", "update"]
}
path "secret/metadata/aiogram-shop" {
  capabilities = ["read", "list"]
}
