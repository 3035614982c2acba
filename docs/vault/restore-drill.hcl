# A server for an hour, to try whether a backup can be read: on this machine alone, without TLS, with its data
# in a folder that systemd makes and that is removed afterwards.
api_addr     = "http://127.0.0.1:8300"
cluster_addr = "https://127.0.0.1:8301"

storage "raft" {
  path    = "/var/lib/restore-drill"
  node_id = "restore-drill"
}

listener "tcp" {
  address         = "127.0.0.1:8300"
  cluster_address = "127.0.0.1:8301"
  tls_disable     = true
}
