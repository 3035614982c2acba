# Who looks after the document: deletes versions and brings them back, keeps notes and settings, and
# may remove it for good. None of it lets its values be read.
path "secret/data/aiogram-shop" {
  capabilities = ["delete"]
}
path "secret/delete/aiogram-shop" {
  capabilities = ["update"]
}
path "secret/undelete/aiogram-shop" {
  capabilities = ["update"]
}
path "secret/destroy/aiogram-shop" {
  capabilities = ["update"]
}
path "secret/metadata/aiogram-shop" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
