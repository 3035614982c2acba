"""The settings, read once, when this module is imported.

A stand-in for AiogramShopBot (https://github.com/ilyarolf/AiogramShopBot) and no copy of it: it takes the same names, by the
same library, from the same places, and stops on the same mistakes. The rest of the shop is left out.
"""

import os

from dotenv import load_dotenv

from enums.runtime_environment import RuntimeEnvironment

# as the original: the environment wins, and a name that is only in the file enters the environment
load_dotenv(".env", override=False)

RUNTIME_ENVIRONMENT = RuntimeEnvironment(os.environ.get("RUNTIME_ENVIRONMENT"))

# numbers and lists without a default: the start fails where one is missing or is none
WEBAPP_PORT = int(os.environ.get("WEBAPP_PORT"))
PAGE_ENTRIES = int(os.environ.get("PAGE_ENTRIES"))
ADMIN_ID_LIST = [int(each) for each in os.environ.get("ADMIN_ID_LIST").split(",")]

# numbers with a default
ORDER_TIMEOUT_MINUTES = int(os.environ.get("ORDER_TIMEOUT_MINUTES", "30"))
ORDER_CANCEL_GRACE_PERIOD_MINUTES = int(os.environ.get("ORDER_CANCEL_GRACE_PERIOD_MINUTES", "5"))
PAYMENT_CHECK_INTERVAL_SECONDS = int(os.environ.get("PAYMENT_CHECK_INTERVAL_SECONDS", "60"))
PAYMENT_TOLERANCE_OVERPAYMENT_PERCENT = float(os.environ.get("PAYMENT_TOLERANCE_OVERPAYMENT_PERCENT", "0.1"))
PAYMENT_UNDERPAYMENT_RETRY_TIMEOUT_MINUTES = int(os.environ.get("PAYMENT_UNDERPAYMENT_RETRY_TIMEOUT_MINUTES", "30"))
PAYMENT_UNDERPAYMENT_PENALTY_PERCENT = float(os.environ.get("PAYMENT_UNDERPAYMENT_PENALTY_PERCENT", "5"))
PAYMENT_LATE_PENALTY_PERCENT = float(os.environ.get("PAYMENT_LATE_PENALTY_PERCENT", "5"))
DATA_RETENTION_DAYS = int(os.environ.get("DATA_RETENTION_DAYS", "30"))
REFERRAL_DATA_RETENTION_DAYS = int(os.environ.get("REFERRAL_DATA_RETENTION_DAYS", "365"))
MAX_STRIKES_BEFORE_BAN = int(os.environ.get("MAX_STRIKES_BEFORE_BAN", "3"))
UNBAN_TOP_UP_AMOUNT = float(os.environ.get("UNBAN_TOP_UP_AMOUNT", "50.0"))

# switches: "true", in small letters, and nothing else
DB_ENCRYPTION = os.environ.get("DB_ENCRYPTION") == "true"
MULTIBOT = os.environ.get("MULTIBOT") == "true"
PAYMENT_UNDERPAYMENT_RETRY_ENABLED = os.environ.get("PAYMENT_UNDERPAYMENT_RETRY_ENABLED", "true") == "true"
EXEMPT_ADMINS_FROM_BAN = os.environ.get("EXEMPT_ADMINS_FROM_BAN", "true") == "true"

# text, which may be missing
TOKEN = os.environ.get("TOKEN")
SUPPORT_LINK = os.environ.get("SUPPORT_LINK")
WEBHOOK_PATH = os.environ.get("WEBHOOK_PATH")
WEBAPP_HOST = os.environ.get("WEBAPP_HOST")
WEBHOOK_SECRET_TOKEN = os.environ.get("WEBHOOK_SECRET_TOKEN")
NGROK_TOKEN = os.environ.get("NGROK_TOKEN")
DB_NAME = os.environ.get("DB_NAME")
DB_PASS = os.environ.get("DB_PASS")
REDIS_HOST = os.environ.get("REDIS_HOST")
REDIS_PASSWORD = os.environ.get("REDIS_PASSWORD")
BOT_LANGUAGE = os.environ.get("BOT_LANGUAGE")
CURRENCY = os.environ.get("CURRENCY")
KRYPTO_EXPRESS_API_KEY = os.environ.get("KRYPTO_EXPRESS_API_KEY")
KRYPTO_EXPRESS_API_URL = os.environ.get("KRYPTO_EXPRESS_API_URL")
KRYPTO_EXPRESS_API_SECRET = os.environ.get("KRYPTO_EXPRESS_API_SECRET")
ENCRYPTION_SECRET = os.environ.get("ENCRYPTION_SECRET", "")

# The original asks a service on the web for the address of its webhook, and talks to Telegram itself. Here the address
# leads nowhere, and the variable, which is no setting of the original, names the stand-in for Telegram.
WEBHOOK_URL = f"https://shop.example{WEBHOOK_PATH}"
TELEGRAM_API_ROOT = os.environ["TELEGRAM_API_ROOT"]
