#include "modules/program_format.hpp"

#include "dspy/base/sha256.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <vector>

namespace dspy::program_format {
namespace {

constexpr bool is_upper(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_lower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
constexpr char upper(char c) noexcept {
  return is_lower(c) ? static_cast<char>(c - ('a' - 'A')) : c;
}
constexpr char lower(char c) noexcept {
  return is_upper(c) ? static_cast<char>(c + ('a' - 'A')) : c;
}

void append_canonical(std::string& out, const Json& value);

void append_canonical(std::string& out, const JsonObject& members) {
  std::vector<const JsonObject::value_type*> sorted;
  for (const auto& member : members) sorted.push_back(&member);
  std::ranges::sort(sorted, {}, [](const auto* member) { return std::string_view(member->key()); });
  out += '{';
  for (const auto* member : sorted) {
    append_text(out, Json(member->key()));
    out += ':';
    append_canonical(out, member->value());
    out += ',';
  }
  out += '}';
}

void append_canonical(std::string& out, const Json& value) {
  if (const auto* members = value.if_object()) return append_canonical(out, *members);
  if (const auto* items = value.if_array()) {
    out += '[';
    for (const auto& item : *items) {
      append_canonical(out, item);
      out += ',';
    }
    out += ']';
    return;
  }
  // Other programs write 2.0 as 2, and the reverse.
  constexpr double exact = 9007199254740992.0;  // 2^53: up to there a double holds every integer
  if (const auto* number = value.if_double();
      number != nullptr && std::abs(*number) <= exact && *number == std::trunc(*number))
    return append_text(out, Json(static_cast<std::int64_t>(*number)));
  append_text(out, value);
}

/// True where DSPy's `infer_prefix` begins a new word at `i`: at digits, at a capital behind a
/// small letter or digit, and at the last capital of a run that a small letter follows.
bool starts_word(std::string_view name, std::size_t i) noexcept {
  const char before = name[i - 1];
  const char here = name[i];
  if (is_digit(before) != is_digit(here)) return before != '_' && here != '_';
  if (!is_upper(here)) return false;
  return is_lower(before) || (is_upper(before) && i + 1 < name.size() && is_lower(name[i + 1]));
}

[[noreturn]] void reject(std::string_view member, std::string_view wanted, const Json& value) {
  throw Error(Errc::config_error, std::format("`{}` must be {}, not {}", member, wanted, to_text(value)));
}

}  // namespace

std::string content_hash(const JsonObject& root) {
  auto copy = root;
  if (auto* own = copy.if_contains(own_key); own != nullptr && own->is_object()) own->get_object().erase("hash");
  std::string text;
  append_canonical(text, copy);
  return "sha256:" + sha256(text);
}

std::string prefix_of(std::string_view name) {
  std::string out;
  std::string word;
  const auto end_word = [&] {
    const bool capitals = std::ranges::any_of(word, is_upper) && std::ranges::none_of(word, is_lower);
    for (std::size_t i = 0; i < word.size(); ++i) out += capitals ? word[i] : i == 0 ? upper(word[i]) : lower(word[i]);
    word.clear();
  };
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '_') {
      end_word();
      out += ' ';
      continue;
    }
    if (i != 0 && name[i - 1] != '_' && starts_word(name, i)) {
      end_word();
      out += ' ';
    }
    word += name[i];
  }
  end_word();
  return out + ":";
}

std::string default_description(std::string_view name) {
  return std::format("${{{}}}", name);
}

JsonObject sampling_to_json(const Sampling& sampling) {
  JsonObject out;
  const auto add = [&](std::string_view name, const auto& value) {
    if (value) out[name] = *value;
  };
  add("max_tokens", sampling.max_tokens);
  add("temperature", sampling.temperature);
  add("top_p", sampling.top_p);
  add("top_k", sampling.top_k);
  add("min_p", sampling.min_p);
  add("repeat_penalty", sampling.repeat_penalty);
  add("repeat_last_n", sampling.repeat_last_n);
  add("seed", sampling.seed);
  if (!sampling.stop.empty()) out["stop"] = JsonArray(sampling.stop.begin(), sampling.stop.end());
  return out;
}

Sampling sampling_from_json(const JsonObject& written) {
  Sampling out;
  const auto real = [](std::string_view name, const Json& value) {
    if (!value.is_number()) reject(name, "a number", value);
    return value.to_number<double>();
  };
  const auto integer = [](std::string_view name, const Json& value) {
    boost::system::error_code code;
    const auto number = value.is_number() ? value.to_number<int>(code) : 0;
    if (code || !value.is_number()) reject(name, "an integer", value);
    return number;
  };
  for (const auto& [name, value] : written) {
    if (name == "max_tokens") {
      out.max_tokens = integer(name, value);
    } else if (name == "temperature") {
      out.temperature = real(name, value);
    } else if (name == "top_p") {
      out.top_p = real(name, value);
    } else if (name == "top_k") {
      out.top_k = integer(name, value);
    } else if (name == "min_p") {
      out.min_p = real(name, value);
    } else if (name == "repeat_penalty") {
      out.repeat_penalty = real(name, value);
    } else if (name == "repeat_last_n") {
      out.repeat_last_n = integer(name, value);
    } else if (name == "seed") {
      boost::system::error_code code;
      out.seed = value.is_number() ? value.to_number<std::uint64_t>(code) : 0;
      if (code || !value.is_number()) reject(name, "an integer from 0", value);
    } else if (name == "stop") {
      if (!value.is_array()) reject(name, "a list of texts", value);
      for (const auto& word : value.get_array()) {
        if (!word.is_string()) reject(name, "a list of texts", value);
        out.stop.emplace_back(view(word.get_string()));
      }
    } else {
      throw Error(Errc::config_error, std::format("`{}` is no member of `sampling`", std::string_view(name)));
    }
  }
  validate(out);
  return out;
}

}  // namespace dspy::program_format
