"""Word lists and invented words. Lists are plain so that they can be read and extended."""

from __future__ import annotations

import random

from .base import Split, held_out

FIRST_NAMES = (
    "Mara Tom Ana Ben Carl Dora Eva Finn Gina Hugo Ida Jack Kim Leo Mia Nora Omar Paul Rosa Sam "
    "Tina Uma Vera Will Yara Zoe Alan Beth Cleo Dan Ella Fred Gus Hana Ivan Jane Karl Lena Max "
    "Nina Otto Petra Quinn Ruth Simon Tess Victor Wendy Alice Bob Clara David Emma Frank Grace "
    "Henry Irene James Karen Lucas Maria Nathan Olga Peter Rita Steve Tara Walter Amir Bella Chen "
    "Diego Elif Farid Greta Hiro Ines Jamal Kira Luis Mei Niko Oscar Priya Raj Sofia Tariq Wanda "
    "Yusuf Zara Anna John Mary Julia Adam Sara Lisa Mark Laura Kate Robert Helen"
).split()
FEMALE = frozenset(
    "Mara Ana Dora Eva Gina Ida Kim Mia Nora Rosa Tina Uma Vera Yara Zoe Beth Cleo Ella Hana Jane "
    "Lena Nina Petra Ruth Tess Wendy Alice Clara Emma Grace Irene Karen Maria Olga Rita Tara Bella "
    "Elif Greta Ines Kira Mei Priya Sofia Wanda Zara Anna Mary Julia Sara Lisa Laura Kate "
    "Helen".split()
)
CITIES = (
    "Oslo Lima Paris Rome Cairo Delhi Tokyo Berlin Madrid Vienna Prague Dublin Quito Havana Nairobi "
    "Lagos Seoul Hanoi Bergen Porto Turin Lyon Geneva Zurich Munich Hamburg Krakow Riga Tallinn "
    "Athens Ankara Tunis Accra Dakar Boston Denver Dallas Austin Seattle Chicago Toronto Ottawa "
    "Sydney Perth Auckland Leeds York Bristol London Lisbon Warsaw Kyoto"
).split()
JOBS = (
    "baker doctor teacher pilot nurse farmer lawyer painter singer driver chef plumber carpenter "
    "writer dentist actor soldier clerk editor librarian engineer gardener judge waiter barber "
    "tailor mechanic florist sailor butcher"
).split()
PETS = (
    "cat dog parrot rabbit hamster turtle goat horse snake lizard goldfish pony duck ferret".split()
)
HOBBIES = (
    "chess tennis painting fishing hiking cooking knitting dancing reading sailing cycling swimming "
    "pottery gardening football skiing archery yoga"
).split()
COLORS = "red blue green yellow purple orange white black brown pink gray silver".split()
FOODS = (
    "pizza soup rice pasta curry bread cheese salad sushi tacos noodles pancakes honey stew"
).split()
DRINKS = "tea coffee milk juice water lemonade cocoa cider".split()
LANGUAGES = (
    "French Spanish German Italian Greek Turkish Arabic Hindi Polish Dutch Swedish Korean"
).split()
INSTRUMENTS = "guitar piano violin drum flute trumpet harp cello banjo organ".split()
SUBJECTS = "biology physics history music law medicine math art chemistry geography".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = (
    "January February March April May June July August September October November December"
).split()
ROOMS = "kitchen garage office attic basement garden hall library bedroom shop".split()
MATERIALS = "wood steel glass plastic leather cotton paper stone".split()
ITEMS = (
    "lamp chair table bottle laptop phone camera kettle jacket backpack bicycle tent guitar watch "
    "printer toaster blender speaker tablet keyboard monitor drone helmet mixer mug vase router "
    "headset shoes sofa"
).split()
THINGS = "apples pens books coins cards eggs stamps cookies balls shells marbles tickets".split()
BOXES = "boxes bags baskets jars packs crates".split()
CLOSED = COLORS + PETS + FOODS + LANGUAGES + JOBS + HOBBIES
"""Values whose upper- and lower-case forms are taught."""

CATEGORIES = {
    "animal": "tiger horse rabbit eagle shark whale monkey zebra snake goat wolf bear deer mouse "
    "frog camel".split(),
    "fruit": "apple banana cherry mango peach grape lemon melon pear plum kiwi fig lime "
    "coconut".split(),
    "tool": "hammer saw drill wrench ladder shovel axe rake file clamp knife".split(),
    "vehicle": "car bus truck train boat plane bicycle tram ferry scooter van rocket taxi "
    "tractor".split(),
    "color": COLORS,
    "job": JOBS[:16],
    "instrument": INSTRUMENTS,
    "clothing": "shirt hat coat sock glove scarf shoe jacket skirt belt boot dress tie "
    "sweater".split(),
    "sport": "tennis football hockey rugby golf boxing judo rowing cricket surfing".split(),
    "furniture": "chair table sofa bed desk shelf stool bench cabinet couch drawer".split(),
    "weather": "rain snow wind storm fog hail thunder sunshine frost cloud".split(),
    "body": "arm leg nose ear foot hand knee neck elbow finger thumb".split(),
}
CATEGORY_WORDS = sorted({w for words in CATEGORIES.values() for w in words})

LABEL_WORDS = (
    "alpha beta gamma delta omega sigma north south east west left right up down high low hot cold "
    "yes no on off red blue green gold one two three four five six big small fast slow sun moon "
    "star river stone leaf tree rock fire ice wave hill lake door gate key ring box cup bell "
    "fox owl bee ant cat dog king queen ace jack A B C D E F G H K L M N P Q R S T X Y Z "
    "good bad old new open closed round square sharp flat light dark heavy soft hard early late"
).split()
"""Words used as arbitrary labels."""

_ONSETS = (
    "ba be bi bo da de di do fa fe ga go ha he ja jo ka ke ki ko la le li lo ma me mi mo na ne ni "
    "no pa pe ra re ri ro sa se si so ta te ti to va ve vi wa we ya yo za ze bra cla dre fri gra "
    "kle pri sta tre vlo"
).split()
_CODAS = "n r l s th x m nd rk st ck ll ra na la ri do to mi sa no ka lin ton ber vin mar sen del".split()


def invented(rng: random.Random, capitalised: bool = True) -> str:
    """A pronounceable word that is in no list."""
    word = "".join(rng.choice(_ONSETS) for _ in range(rng.choice((1, 2, 2)))) + rng.choice(_CODAS)
    return word.capitalize() if capitalised else word


def invented_on_side(rng: random.Random, test: bool, capitalised: bool = True) -> str:
    """An invented word from the wanted side of the split."""
    while True:
        word = invented(rng, capitalised)
        if held_out(word) == test:
            return word


def person(rng: random.Random, split: Split) -> str:
    """A first name, listed or invented; held-out names are all invented."""
    if not split.names and rng.random() < 0.55:
        return rng.choice(FIRST_NAMES)
    return invented_on_side(rng, split.names)


def city(rng: random.Random, split: Split) -> str:
    """A city, listed or invented; held-out cities are all invented."""
    if not split.names and rng.random() < 0.6:
        return rng.choice(CITIES)
    return invented_on_side(rng, split.names)


def pronoun(name: str) -> str:
    """The pronoun used for a person; invented names get one by hash, so it is stable."""
    if name in FIRST_NAMES:
        return "She" if name in FEMALE else "He"
    return "She" if sum(map(ord, name)) % 2 else "He"
