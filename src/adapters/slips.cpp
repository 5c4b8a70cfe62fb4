#include "adapters/slips.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

namespace dspy {
namespace {

constexpr std::size_t shortest_word = 6;

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
constexpr bool is_letter(char c) noexcept {
  return lower(c) >= 'a' && lower(c) <= 'z';
}
constexpr bool is_vowel(char c) noexcept {
  return std::string_view("aeiouy").contains(lower(c));
}
constexpr bool is_consonant(char c) noexcept {
  return is_letter(c) && !is_vowel(c);
}
constexpr bool same(char a, char b) noexcept {
  return lower(a) == lower(b);
}

/// English words that are one such slip away from another one.
constexpr auto words = std::to_array<std::string_view>({
    "aliens",      "alines",     "another",    "angels",     "angles",     "anther",     "artistes",  "artists",
    "barely",      "baring",     "barked",     "barking",    "barley",     "barring",    "bating",    "batting",
    "belated",     "bellied",    "bellies",    "belied",     "belies",     "bidding",    "biding",    "bleated",
    "blondes",     "blonds",     "braked",     "braking",    "breathes",   "breaths",    "bugled",    "bulged",
    "caning",      "canning",    "cannons",    "canons",     "canvased",   "canvases",   "canvassed", "canvasses",
    "caries",      "carries",    "carted",     "carting",    "carved",     "carving",    "casual",    "casually",
    "causal",      "causally",   "chafed",     "chaffed",    "chafing",    "chaffing",   "clothes",   "cloths",
    "commandos",   "commands",   "compiled",   "compiles",   "complaint",  "compliant",  "complied",  "complies",
    "concerted",   "concerting", "concertos",  "concerts",   "concreted",  "concreting", "coping",    "copping",
    "corals",      "coroner",    "coroners",   "corpses",    "corpuses",   "corrals",    "crated",    "crating",
    "craved",      "craving",    "crevices",   "cervices",   "crooner",    "crooners",   "curies",    "curries",
    "dairies",     "desert",     "deserts",    "dessert",    "desserts",   "diaries",    "diners",    "dining",
    "dinners",     "dinning",    "direst",     "discuses",   "discusses",  "doting",     "dotting",   "driest",
    "farmed",      "farmer",     "farmers",    "farming",    "fibbers",    "fibers",     "filing",    "filings",
    "filling",     "fillings",   "framed",     "framer",     "framers",    "framing",    "fusing",    "fussing",
    "gables",      "gabbles",    "gambled",    "gambling",   "gamboled",   "gamboling",  "garter",    "garters",
    "gentile",     "gentiles",   "gentle",     "gentles",    "gilded",     "gilding",    "glided",    "gliding",
    "grater",      "graters",    "griped",     "griping",    "gripped",    "gripping",   "hardily",   "hardly",
    "hardness",    "hardiness",  "haters",     "hating",     "hatters",    "hatting",    "hoping",    "hopping",
    "impalement",  "implement",  "infarction", "infraction", "interns",    "ladies",     "laddies",   "lightening",
    "lightning",   "liters",     "litters",    "loping",     "lopping",    "manifestos", "manifests", "mantels",
    "mantles",     "marital",    "martial",    "mating",     "matting",    "minister",   "minster",   "minuets",
    "minutes",     "moping",     "mopping",    "nickels",    "nickles",    "ordinance",  "ordnance",  "paring",
    "parring",     "parted",     "parting",    "patios",     "patois",     "perfect",    "perfects",  "pining",
    "pinning",     "piping",     "pipping",    "plaint",     "planed",     "planets",    "planing",   "planned",
    "planning",    "plants",     "pliant",     "pluses",     "poises",     "posies",     "prated",    "prating",
    "prefect",     "prefects",   "primer",     "primmer",    "prospects",  "prospectus", "pulses",    "quartos",
    "quarts",      "raging",     "ragging",    "raping",     "rapping",    "rating",     "ratting",   "repertoires",
    "repertories", "retired",    "retires",    "retried",    "retries",    "ridding",    "riding",    "rifled",
    "rifles",      "riffled",    "riffles",    "rifling",    "riffling",   "robbing",    "robing",    "rogues",
    "rouges",      "sacred",     "salted",     "salting",    "salver",     "salvers",    "salves",    "satraps",
    "scared",      "scaring",    "scarred",    "scarring",   "scraped",    "scraping",   "scrapped",  "scrapping",
    "shamed",      "shaming",    "shammed",    "shamming",   "sheathes",   "sheaths",    "shined",    "shining",
    "shinned",     "shinning",   "shreds",     "sherds",     "shrieks",    "shrikes",    "signed",    "signer",
    "signers",     "signing",    "silver",     "silvers",    "singed",     "singer",     "singers",   "singing",
    "siting",      "sitting",    "slated",     "slating",    "slaver",     "slavers",    "slaves",    "sliver",
    "slivers",     "sloped",     "sloping",    "slopped",    "slopping",   "sniped",     "sniping",   "snipped",
    "snipping",    "soldier",    "solider",    "solitaires", "solitaries", "spared",     "sparing",   "sparred",
    "sparring",    "spiting",    "spitting",   "spring",     "stared",     "staring",    "starred",   "starring",
    "storing",     "straps",     "string",     "striped",    "striping",   "stripped",   "stripping", "supers",
    "suppers",     "swathes",    "swaths",     "taping",     "tapping",    "taring",     "tarring",   "thickest",
    "thickset",    "thorough",   "through",    "tilted",     "tilting",    "tinier",     "tinnier",   "titled",
    "titling",     "titles",     "tittles",    "totting",    "toting",     "trailed",    "trailing",  "trails",
    "trialed",     "trialing",   "trials",     "twined",     "twining",    "twinned",    "twinning",  "united",
    "unites",      "untied",     "unties",     "waiver",     "wading",     "wadding",    "waging",    "wagging",
    "wavier",      "winning",    "wining",     "wreathes",   "wreaths",
});

bool is_word(std::string_view text) {
  std::string word(text);
  std::ranges::transform(word, word.begin(), lower);
  return std::ranges::contains(words, std::string_view(word));
}

/// Roman numbers and sequences of bases are no words, however long: each letter counts.
bool is_code(std::string_view word) noexcept {
  for (const std::string_view letters : {"ivxlcdm", "acgtun"}) {
    if (std::ranges::all_of(word, [&](char c) { return letters.contains(lower(c)); })) return true;
  }
  return false;
}

/// How many consonants in a row there are around that place of a word.
std::size_t consonants_around(std::string_view word, std::size_t at) noexcept {
  auto first = at;
  auto last = at;
  while (first > 0 && is_consonant(word[first - 1])) --first;
  while (last < word.size() && is_consonant(word[last])) ++last;
  return last - first;
}

/// The same for what differs, whole words of letters alone.
bool is_slip_of_word(std::string_view wanted, std::string_view written) {
  const auto shorter = std::min(wanted.size(), written.size());
  const auto longer = std::max(wanted.size(), written.size());
  if (shorter < shortest_word || longer - shorter > 1 || is_code(wanted) || is_word(written)) return false;
  std::size_t at = 0;
  while (at < shorter && same(wanted[at], written[at])) ++at;
  const auto rest_is_same = [&](std::size_t of_wanted, std::size_t of_written) {
    return std::ranges::equal(wanted.substr(of_wanted), written.substr(of_written), same);
  };
  if (wanted.size() == written.size()) {
    return at > 0 && at + 2 < shorter && same(wanted[at], written[at + 1]) && same(wanted[at + 1], written[at]) &&
           rest_is_same(at + 2, at + 2);
  }
  const bool is_longer = written.size() > wanted.size();
  const auto more = is_longer ? written : wanted;
  // The first and the last letter of a word are as they should be.
  if (at == 0 || at + 1 >= more.size() || !rest_is_same(is_longer ? at : at + 1, is_longer ? at + 1 : at)) return false;
  if (same(more[at], more[at - 1])) return is_consonant(more[at]) && at >= 2;
  return !is_longer && is_vowel(more[at]) && is_consonant(more[at - 1]) && is_consonant(more[at + 1]) &&
         consonants_around(written, at) >= 3;
}

}  // namespace

bool is_slip_of(std::string_view wanted, std::string_view written) {
  if (std::max(wanted.size(), written.size()) - std::min(wanted.size(), written.size()) > 1) return false;
  // The one word that differs: what is before and after it is equal.
  std::size_t head = 0;
  while (head < std::min(wanted.size(), written.size()) && same(wanted[head], written[head])) ++head;
  while (head > 0 && is_letter(wanted[head - 1])) --head;
  const auto word_of = [&](std::string_view text) {
    const auto rest = text.substr(head);
    return rest.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(rest, is_letter) - rest.begin()));
  };
  const auto wanted_word = word_of(wanted);
  const auto written_word = word_of(written);
  return std::ranges::equal(wanted.substr(head + wanted_word.size()), written.substr(head + written_word.size()),
                            same) &&
         is_slip_of_word(wanted_word, written_word);
}

}  // namespace dspy
