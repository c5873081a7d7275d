"""Pet names and the names they stand for; knows no record.

Everyday knowledge of English pet names, the usual ones only; larger tables are public (carltonnorthern/nicknames, Apache-2.0).
"""

from __future__ import annotations

from typing import Final

_GROUPS: Final = """
abigail abby gail
albert al bert bertie
alexander alex al sandy xander lex
alexandra alex sandra lexi sasha
alfred fred alf alfie
alice ally
alison ali allie
amanda mandy
amelia millie amy
andrew andy drew
angela angie
anne ann annie nan anna
anthony tony ant
antonia toni
arthur art
barbara barb babs
benjamin ben benny benji
bernard bernie
beverly bev
bradley brad
bridget biddy
caroline carrie carol
catherine kate cathy katie cath kitty kathy
katherine kate kathy katie kath kitty cathy
kathleen kathy kath
charles charlie chuck chas
charlotte lottie charlie
cheryl cher
christine chris chrissie tina
christina chris tina chrissie
christopher chris kit topher
clifford cliff
cynthia cindy
daniel dan danny
danielle dani
david dave davy
deborah deb debbie debby debra
dennis denny den
dominic dom nick
donald don donny
dorothy dot dottie dolly
douglas doug
edward ed eddie ted ned eddy teddy
edwin ed eddie
eleanor ellie nell nora
elizabeth liz beth betty lizzie eliza libby betsy bess lisa
emily em emmy
emma em
eugene gene
evelyn evie
ferdinand ferdie
florence flo flossie
frances fran frankie
francis frank fran
franklin frank
frederick fred freddie freddy
gabriel gabe
gabrielle gabby
geoffrey geoff jeff
jeffrey jeff geoff
george georgie
gerald gerry jerry
gerard gerry
gregory greg
harold harry hal
harriet hattie
harry hal
helen nell
henry harry hank hal
herbert herb bert
hubert bert
isabella bella izzy
isabelle izzy belle
jacob jake
jacqueline jackie
james jim jimmy jamie
jane janie
janet jan
jason jay
jasmine jas
jennifer jen jenny
jeremy jerry
jerome jerry
jessica jess jessie
joanna jo
joanne jo
john jack johnny jon
jonathan jon jonny
joseph joe joey
josephine jo josie
joshua josh
judith judy
julia julie
julian jules
kenneth ken kenny
kimberly kim
lawrence larry laurie
leonard len lenny leo
lewis lou lew
lillian lily lil
louis lou
louise lou
lucille lucy
lydia liddy
madeline maddie maddy
madeleine maddie maddy
margaret maggie meg peggy marge madge margie
marjorie marge
martha marty
martin marty
mary molly polly mae
matthew matt matty
maurice morris
maxwell max
megan meg
melanie mel
melissa mel lissa
michael mike mick mickey micky
michelle shelly
mildred millie
mitchell mitch
nancy nan
natalie nat
natasha tasha
nathan nat nate
nathaniel nat nate
nicholas nick nicky
nicole nicky nikki
norman norm
oliver ollie
olivia liv livvy
pamela pam
patricia pat patty tricia trish
patrick pat paddy
penelope penny
peter pete
philip phil pip
phillip phil pip
priscilla cilla
rachel rach
randolph randy
raymond ray
rebecca becky becca
reginald reg reggie
richard rick dick rich ricky richie
robert bob rob bobby robbie bert
roberta bobbie
rodney rod
roger rodge
ronald ron ronnie
rosemary rose rosie
russell russ
ruth ruthie
samantha sam sammy
samuel sam sammy
sandra sandy
sarah sally sadie
scarlett letty
sebastian seb bas
sharon shaz
shirley shirl
sidney sid
stanley stan
stephanie steph
stephen steve stevie
steven steve stevie
stuart stu
susan sue suzie susie suzy
suzanne sue suzie
sylvia syl
teresa terry tess
theresa terry tess
terence terry
theodore ted theo teddy
thomas tom tommy
timothy tim timmy
tobias toby
valerie val
vanessa nessa
veronica ronnie
victor vic
victoria vicky tori vic
vincent vince vinny
virginia ginny
walter walt wally
wendy wen
wilfred wilf
william bill will billy willy liam
winifred winnie
zachary zach zack
"""


def _meanings() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in _GROUPS.split("\n"):
        formal, *pets = line.split() or [""]
        for name in (formal, *pets):
            found.setdefault(name, set()).add(formal)
    return {name: frozenset(formal) for name, formal in found.items()}


_FORMAL: Final = _meanings()
_NONE: Final[frozenset[str]] = frozenset()


def formal_names(name: str) -> frozenset[str]:
    """The formal names a folded given name may stand for; itself when it is one of the table; empty for any other."""
    return _FORMAL.get(name, _NONE)


def may_be_one(one: str, other: str) -> bool:
    """Whether two given names may be those of one person: Bob and Robert, Bob and Bobby."""
    return not formal_names(one).isdisjoint(formal_names(other))
