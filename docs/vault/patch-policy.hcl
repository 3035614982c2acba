# Who may change single names of the shop's settings, and not replace the document.
path "secret/data/aiogram-shop" {
  capabilities = ["read", "patch"]
}
