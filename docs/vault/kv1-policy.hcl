# Reading and writing on an engine of version 1. Without "delete" the last name stays where it is.
path "secret/aiogram-shop" {
  capabilities = ["create", "read", "update", "delete"]
}
