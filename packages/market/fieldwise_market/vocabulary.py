"""What a simulated shop sells and how people ask for it: categories, products, prices, words; knows no customer."""

from __future__ import annotations

from typing import Final

CATEGORIES: Final = (
    "bakery", "books", "cheese", "coffee", "cosmetics", "garden", "sports", "tea", "toys", "jewellery", "watches", "wine",
)  # fmt: skip
# The last three: dear things that many look at and few buy.
PREMIUM: Final = (9, 10, 11)
ORDINARY: Final = (0, 1, 2, 3, 4, 5, 6, 7, 8)
PRODUCTS_PER_CATEGORY: Final = 20
# Median price of a category's products, in cents.
MEDIAN_CENTS: Final = (350, 1400, 620, 780, 1600, 2100, 3200, 640, 1900, 18000, 22000, 9500)

# Words people type, per category: Chinese and English, the plain word first, then narrower ones.
SEARCH_WORDS: Final = (
    (("面包", "全麦面包", "蛋糕"), ("bread", "sourdough", "croissant")),
    (("书", "小说", "儿童绘本"), ("books", "crime novel", "picture book")),
    (("奶酪", "芝士片", "马苏里拉"), ("cheese", "cheddar", "mozzarella")),
    (("咖啡", "咖啡豆", "挂耳咖啡"), ("coffee", "coffee beans", "espresso")),
    (("化妆品", "口红", "面霜"), ("cosmetics", "lipstick", "face cream")),
    (("园艺", "花盆", "种子"), ("garden", "flower pot", "seeds")),
    (("运动", "跑步鞋", "瑜伽垫"), ("sports", "running shoes", "yoga mat")),
    (("茶叶", "龙井", "普洱"), ("tea", "green tea", "earl grey")),
    (("玩具", "积木", "拼图"), ("toys", "building blocks", "puzzle")),
    (("首饰", "项链", "戒指"), ("jewellery", "necklace", "ring")),
    (("手表", "机械表", "女表"), ("watches", "automatic watch", "ladies watch")),
    (("红酒", "葡萄酒", "白葡萄酒"), ("wine", "red wine", "riesling")),
)
AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) Gecko/20100101 Firefox/127.0",
    # A telephone named Cubot: a person, whatever the letters say.
    "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36",
    "",
)
ROBOT_AGENTS: Final = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "python-requests/2.32.3",
    "curl/8.6.0",
    "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/125.0.0.0 Safari/537.36",
    "Scrapy/2.11 (+https://scrapy.org)",
)
ALL_AGENTS: Final = AGENTS + ROBOT_AGENTS
CLICK_TARGETS: Final = ("details", "add-to-basket", "photo", "reviews", "size", "compare")
CASE_TOPICS: Final = ("delivery", "invoice", "defect", "return", "question")


def product_name(category: int, product: int) -> str:
    """Id of a product; higher numbers are dearer."""
    return f"{CATEGORIES[category]}-{product:02d}"


def product_cents(category: int, product: int) -> int:
    """List price in cents: from about half to twice the category's median."""
    spread: float = 4.0 ** (product / (PRODUCTS_PER_CATEGORY - 1)) / 2
    return round(MEDIAN_CENTS[category] * spread)
