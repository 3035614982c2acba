# What who runs the server may do from day to day. It reads no secret of the shop.

# The bot's login: new secret ids, and the end of old ones.
path "auth/approle/role/shop/secret-id" {
  capabilities = ["create", "update", "list"]
}
path "auth/approle/role/shop/secret-id-accessor/+" {
  capabilities = ["create", "update"]
}

# The end of a token, of all tokens of the bot, and of a person's login.
path "auth/token/revoke-accessor" {
  capabilities = ["update"]
}
path "sys/leases/revoke-prefix/auth/approle/login" {
  capabilities = ["update", "sudo"]
}
path "sys/leases/revoke-prefix/auth/userpass/login/+" {
  capabilities = ["update", "sudo"]
}
path "auth/userpass/users/+" {
  capabilities = ["delete"]
}

# The emergency stop, and how the server is.
path "sys/seal" {
  capabilities = ["update", "sudo"]
}
path "sys/metrics" {
  capabilities = ["read"]
}
path "sys/audit" {
  capabilities = ["read", "sudo"]
}

# A root token and new unseal keys: each also needs two of the present unseal keys.
path "sys/generate-root-token/*" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}
path "sys/rotate/root/*" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}
