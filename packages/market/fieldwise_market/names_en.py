"""English names, nicknames, streets and towns that people of a simulated world are made of; knows no person."""

from __future__ import annotations

from typing import Final


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# Roughly by how common they are in the United States, commonest first; some rare ones at the end.
FAMILIES: Final = _listed(
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas "
    "Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King "
    "Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez Phillips "
    "Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper "
    "Peterson Bailey Reed Kelly Howard Ramos Kim Cox Ward Richardson Watson Brooks Chavez Wood James Bennett Gray Mendoza Ruiz "
    "Hughes Price Alvarez Castillo Sanders Patel Myers Long Ross Foster Jimenez Schneider Weber Kowalski Petrov Lindqvist "
    "Thistlewood Okafor Haverford Marchetti Delacroix Fitzgerald Abernathy Kowalczyk Blackwood Whitcombe Pemberton Stavros"
)
MEN: Final = _listed(
    "James Robert John Michael David William Richard Joseph Thomas Christopher Charles Daniel Matthew Anthony Mark Donald Steven "
    "Andrew Paul Joshua Kenneth Kevin Brian George Timothy Ronald Jason Edward Jeffrey Ryan Jacob Gary Nicholas Eric Jonathan "
    "Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory Alexander Patrick Frank Raymond Jack Dennis Jerry Tyler Aaron "
    "Henry Peter Adam Nathan Zachary Walter Philip Albert"
)
WOMEN: Final = _listed(
    "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Betty Sandra Margaret Ashley Kimberly "
    "Emily Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Sharon Laura Cynthia Dorothy Amy Kathleen Angela Shirley "
    "Emma Brenda Pamela Nicole Anna Samantha Katherine Christine Debra Rachel Carolyn Janet Maria Olivia Heather Helen Catherine "
    "Diane Julie Victoria Joyce Lauren Kelly Christina Theresa Judith"
)
# What friends and sales people call them, and then write down.
NICKNAMES: Final = {
    "Robert": ("Bob", "Rob", "Bobby"), "William": ("Bill", "Will", "Billy"), "Richard": ("Dick", "Rick"), "James": ("Jim", "Jimmy"),
    "John": ("Jack", "Johnny"), "Michael": ("Mike", "Mick"), "David": ("Dave",), "Joseph": ("Joe",), "Thomas": ("Tom", "Tommy"),
    "Christopher": ("Chris",), "Charles": ("Chuck", "Charlie"), "Daniel": ("Dan", "Danny"), "Matthew": ("Matt",),
    "Anthony": ("Tony",), "Donald": ("Don",), "Steven": ("Steve",), "Stephen": ("Steve",), "Andrew": ("Andy", "Drew"),
    "Joshua": ("Josh",), "Kenneth": ("Ken",), "Timothy": ("Tim",), "Ronald": ("Ron",), "Edward": ("Ed", "Ted", "Ned"),
    "Jeffrey": ("Jeff",), "Nicholas": ("Nick",), "Jonathan": ("Jon",), "Benjamin": ("Ben",), "Samuel": ("Sam",),
    "Gregory": ("Greg",), "Alexander": ("Alex", "Sandy"), "Patrick": ("Pat",), "Raymond": ("Ray",), "Henry": ("Harry", "Hank"),
    "Peter": ("Pete",), "Nathan": ("Nate",), "Zachary": ("Zach",), "Walter": ("Walt",), "Philip": ("Phil",), "Albert": ("Al", "Bert"),
    "Patricia": ("Pat", "Patty", "Trish"), "Jennifer": ("Jen", "Jenny"), "Elizabeth": ("Liz", "Beth", "Betty"), "Barbara": ("Barb",),
    "Susan": ("Sue",), "Jessica": ("Jess",), "Margaret": ("Peggy", "Maggie", "Meg"), "Kimberly": ("Kim",), "Deborah": ("Deb", "Debbie"),
    "Rebecca": ("Becky",), "Cynthia": ("Cindy",), "Dorothy": ("Dot", "Dolly"), "Kathleen": ("Kathy",), "Pamela": ("Pam",),
    "Samantha": ("Sam",), "Katherine": ("Kate", "Kathy", "Katie"), "Catherine": ("Cathy", "Kate"), "Christine": ("Chris", "Tina"),
    "Victoria": ("Vicky",), "Christina": ("Tina", "Chris"), "Theresa": ("Terry", "Tess"), "Judith": ("Judy",), "Stephanie": ("Steph",),
    "Amanda": ("Mandy",), "Melissa": ("Mel",), "Angela": ("Angie",), "Carolyn": ("Carol",), "Nancy": ("Nan",), "Sandra": ("Sandy",),
}  # fmt: skip
STREETS: Final = _listed(
    "Main Oak Maple Cedar Elm Pine Washington Lake Hill Walnut Spring North Ridge Park Church Willow Mill Sunset Railroad Jackson "
    "Cherry West South Highland Johnson Forest Jefferson Hickory Meadow Lincoln Franklin River Chestnut Dogwood Birch"
)
STREET_KINDS: Final = (
    ("Street", "St.", "St"), ("Avenue", "Ave.", "Av"), ("Road", "Rd.", "Rd"), ("Drive", "Dr.", "Dr"), ("Lane", "Ln.", "Ln"),
    ("Court", "Ct.", "Ct"), ("Boulevard", "Blvd.", "Blvd"),
)  # fmt: skip
# City, state, first three digits of its postcodes, area code.
TOWNS: Final = (
    ("Springfield", "Illinois", "627", "217"), ("Chicago", "Illinois", "606", "312"), ("Columbus", "Ohio", "432", "614"),
    ("Cleveland", "Ohio", "441", "216"), ("Denver", "Colorado", "802", "303"), ("Boulder", "Colorado", "803", "720"),
    ("Portland", "Oregon", "972", "503"), ("Salem", "Oregon", "973", "971"), ("Austin", "Texas", "787", "512"),
    ("Houston", "Texas", "770", "713"), ("Atlanta", "Georgia", "303", "404"), ("Savannah", "Georgia", "314", "912"),
    ("Boston", "Massachusetts", "021", "617"), ("Worcester", "Massachusetts", "016", "508"), ("Phoenix", "Arizona", "850", "602"),
    ("Tucson", "Arizona", "857", "520"),
)  # fmt: skip
COMPANY_WORDS: Final = [
    "Northern",
    "Lakeside",
    "Summit",
    "Pioneer",
    "Harbor",
    "Redwood",
    "Crescent",
    "Granite",
    "Silver",
    "Prairie",
    "Beacon",
    "Evergreen",
]
COMPANY_TRADES: Final = [
    "Trading",
    "Foods",
    "Catering",
    "Supplies",
    "Logistics",
    "Furniture",
    "Electronics",
    "Pharmacy",
    "Printing",
    "Garden",
]
COMPANY_SUFFIXES: Final = (
    ("Incorporated", "Inc.", "Inc", ""),
    ("Limited", "Ltd.", "Ltd", ""),
    ("LLC", "L.L.C.", "llc", ""),
)
MAIL_HOSTS: Final = ("gmail.com", "yahoo.com", "outlook.com", "hotmail.com", "icloud.com", "aol.com")
