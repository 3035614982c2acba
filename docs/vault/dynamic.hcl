# What an application may do that gets its own database user: have one made, keep it, and give it back.
# A token that has the policy `default` may renew without a rule of its own, but never revoke.
path "database/creds/shop" {
  capabilities = ["read"]
}
path "sys/leases/renew" {
  capabilities = ["update"]
}
path "sys/leases/revoke" {
  capabilities = ["update"]
}
