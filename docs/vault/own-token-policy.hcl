# What a token may do about itself. Every token with the policy `default` may: this is for roles with
# token_no_default_policy. Without it a token is replaced by a login instead of renewed, and ends by
# itself instead of being revoked.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
