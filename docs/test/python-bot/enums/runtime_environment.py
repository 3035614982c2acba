"""Where the bot runs, spelled as AiogramShopBot spells it."""

from enum import Enum


class RuntimeEnvironment(str, Enum):
    DEV = "DEV"
    PROD = "PROD"
