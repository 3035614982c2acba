# `bao agent -config=/etc/shop-agent/agent.hcl`, on the bot's machine: logs in with the machine's own
# role, renews the token, and keeps the current one in a file that the group of the bot may read.

vault {
  address = "https://vault.example.com:8200"
  ca_cert = "/etc/shop/ca.crt"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/etc/shop-agent/role-id"
      secret_id_file_path                 = "/etc/shop-agent/secret-id"
      remove_secret_id_file_after_reading = false # it is read again at every login
    }
  }
  # On the disk, and not below /run: after a reboot the bot then finds a token while the server is
  # still sealed, and falls back, instead of finding none.
  sink "file" {
    config = {
      path = "/var/lib/shop-agent/token"
      mode = 0640
    }
  }
}
