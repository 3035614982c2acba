# Logs in for the bot, and keeps the current token where the bot can read it.
vault {
  address = "http://vault:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/login/role-id"
      secret_id_file_path                 = "/login/secret-id"
      remove_secret_id_file_after_reading = false # it is read again at every login
    }
  }
  sink "file" {
    config = {
      path = "/openbao/file/token"
      mode = 0640
    }
  }
}
