# What the nightly backup may do: save the whole store, which is encrypted with the unseal keys.
# Its token has the policy `default` as well, and with it renews itself.
path "sys/storage/raft/snapshot" {
  capabilities = ["read"]
}
