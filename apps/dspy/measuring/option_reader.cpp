#include "measuring/option_reader.hpp"

#include "command.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/exchange_json.hpp"

#include <format>

namespace dspy::app {
namespace {

JsonArray array_of(std::string_view name, const std::string& text, std::string_view wanted) {
  auto read = parse_json(text);
  if (!read || !read->is_array()) refuse_value(name, text, wanted);
  return std::move(read->get_array());
}

std::string filled(std::string text, std::string_view word, std::string_view with) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + with.size()))
    text.replace(at, word.size(), with);
  return text;
}

}  // namespace

void refuse_value(std::string_view name, std::string_view text, std::string_view wanted) {
  throw Error(Errc::bad_input, std::format("the option `{}` is {}, not `{}`", name, wanted, text));
}

double number_of(std::string_view name, const std::string& text) {
  const auto read = parse_json(text);
  if (!read || !read->is_number()) refuse_value(name, text, "a number");
  return read->to_number<double>();
}

std::int64_t whole_number_of(std::string_view name, const std::string& text) {
  const auto read = parse_json(text);
  if (!read || !read->is_int64()) refuse_value(name, text, "a whole number");
  return read->get_int64();
}

bool flag_of(std::string_view name, const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  refuse_value(name, text, "true or false");
}

std::vector<std::string> texts_of(std::string_view name, const std::string& text) {
  if (!text.starts_with('[')) return {text};
  constexpr std::string_view wanted = R"(a JSON array of texts, such as ["a", "b"])";
  std::vector<std::string> out;
  for (const auto& each : array_of(name, text, wanted)) {
    if (!each.is_string()) refuse_value(name, text, wanted);
    out.emplace_back(view(each.get_string()));
  }
  return out;
}

std::vector<std::int64_t> whole_numbers_of(std::string_view name, const std::string& text) {
  constexpr std::string_view wanted = "a JSON array of whole numbers, such as [-3, 0]";
  std::vector<std::int64_t> out;
  for (const auto& each : array_of(name, text, wanted)) {
    if (!each.is_int64()) refuse_value(name, text, wanted);
    out.push_back(each.get_int64());
  }
  return out;
}

std::vector<Sampling> samplings_of(std::string_view name, const std::string& text) {
  std::vector<Sampling> out;
  for (const auto& each : array_of(name, text, R"(a JSON array of settings, such as [{"temperature": 0}])"))
    out.push_back(request_from_json({{"messages", JsonArray()}, {"sampling", each}}).sampling);
  return out;
}

OpenWeights opener_of(std::string_view name, const std::string& text) {
  if (!text.contains("{weights}")) refuse_value(name, text, "a model with `{weights}` where its file belongs");
  return [text](const std::string& predictor, const std::filesystem::path& weights) {
    return make_lm(filled(filled(text, "{name}", predictor), "{weights}", weights.string()));
  };
}

std::map<std::string, std::string> named_options(const std::vector<std::string>& options) {
  std::map<std::string, std::string> out;
  for (const auto& each : options) {
    const auto at = each.find('=');
    if (at == 0 || at == std::string::npos)
      throw Error(Errc::bad_input, std::format("--option takes NAME=VALUE, not `{}`", each));
    out[each.substr(0, at)] = each.substr(at + 1);
  }
  return out;
}

std::shared_ptr<LM> model_of(const std::string& text) {
  return make_lm(text);
}

void OptionReader::finish() const {
  if (left_.empty()) return;
  throw Error(Errc::bad_input, std::format("{} has no option `{}`; it has {}", optimizer_, left_.begin()->first,
                                           text::enumerate(known_, "`", "and")));
}

}  // namespace dspy::app
