# What a bot reads that takes its own settings first and what all bots share after them.
path "secret/data/aiogram-shop" {
  capabilities = ["read"]
}
path "secret/data/shared" {
  capabilities = ["read"]
}
