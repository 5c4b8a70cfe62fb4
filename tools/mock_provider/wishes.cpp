#include "mock_provider/wishes.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/text.hpp"
#include "mock_provider/query.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <format>
#include <functional>
#include <system_error>
#include <vector>

namespace dspy::mock {
namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view value, std::string_view wanted) {
  throw Error(Errc::invalid_parameter, std::format("mock: '{}' is '{}', which is not {}", name, value, wanted));
}

std::size_t to_number(std::string_view name, std::string_view value) {
  std::size_t number = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc() || end != value.data() + value.size()) refuse(name, value, "a number of 0 or more");
  return number;
}

bool to_flag(std::string_view name, std::string_view value) {
  if (value.empty() || value == "1" || value == "true") return true;
  if (value == "0" || value == "false") return false;
  refuse(name, value, "1 or 0");
}

int to_status(std::string_view name, std::string_view value) {
  const auto number = to_number(name, value);
  if (number < 200 || number > 599) refuse(name, value, "an HTTP status from 200 to 599");
  return static_cast<int>(number);
}

std::chrono::milliseconds to_time(std::string_view name, std::string_view value) {
  return std::chrono::milliseconds(to_number(name, value));
}

std::string to_line_ends(std::string_view name, std::string_view value) {
  if (value != "lf" && value != "crlf" && value != "cr") refuse(name, value, "lf, crlf or cr");
  return std::string(value);
}

using Set = std::function<void(Wishes&, std::string_view, const std::string&)>;

const std::map<std::string, Set>& setters() {
  static const std::map<std::string, Set> table = {
      {"reply", [](auto& w, auto, auto& v) { w.reply = v; }},
      {"reasoning", [](auto& w, auto, auto& v) { w.reasoning = v; }},
      {"tool", [](auto& w, auto, auto& v) { w.tool = v; }},
      {"arguments", [](auto& w, auto, auto& v) { w.arguments = v; }},
      {"finish", [](auto& w, auto, auto& v) { w.finish = v; }},
      {"delta-bytes", [](auto& w, auto n, auto& v) { w.delta_bytes = std::max<std::size_t>(to_number(n, v), 1); }},
      {"status", [](auto& w, auto n, auto& v) { w.status = to_status(n, v); }},
      {"error-code", [](auto& w, auto, auto& v) { w.error_code = v; }},
      {"retry-after", [](auto& w, auto, auto& v) { w.retry_after = v; }},
      {"error-after", [](auto& w, auto n, auto& v) { w.error_after = to_number(n, v); }},
      {"missing-end", [](auto& w, auto n, auto& v) { w.missing_end = to_flag(n, v); }},
      {"wrong-usage", [](auto& w, auto n, auto& v) { w.wrong_usage = to_flag(n, v); }},
      {"no-usage", [](auto& w, auto n, auto& v) { w.no_usage = to_flag(n, v); }},
      {"bad-utf8", [](auto& w, auto n, auto& v) { w.bad_utf8 = to_flag(n, v); }},
      {"content-type", [](auto& w, auto, auto& v) { w.content_type = v; }},
      {"line-ends", [](auto& w, auto n, auto& v) { w.line_ends = to_line_ends(n, v); }},
      {"comments", [](auto& w, auto n, auto& v) { w.comments = to_flag(n, v); }},
      {"bom", [](auto& w, auto n, auto& v) { w.byte_order_mark = to_flag(n, v); }},
      {"delay", [](auto& w, auto n, auto& v) { w.delivery.header_delay = to_time(n, v); }},
      {"part-delay", [](auto& w, auto n, auto& v) { w.delivery.part_delay = to_time(n, v); }},
      {"piece-bytes", [](auto& w, auto n, auto& v) { w.delivery.piece_bytes = to_number(n, v); }},
      {"reset-after", [](auto& w, auto n, auto& v) { w.delivery.resets_after = to_number(n, v); }},
      {"close-after", [](auto& w, auto n, auto& v) { w.delivery.closes_after = to_number(n, v); }},
      {"reset", [](auto& w, auto n, auto& v) { w.delivery.resets_before_header = to_flag(n, v); }},
      {"close", [](auto& w, auto n, auto& v) { w.delivery.closes_before_header = to_flag(n, v); }},
      {"close-code",
       [](auto& w, auto n, auto& v) { w.delivery.closes_with = static_cast<std::uint16_t>(to_number(n, v)); }},
      {"hang", [](auto& w, auto n, auto& v) { w.delivery.hangs = to_flag(n, v); }},
  };
  return table;
}

constexpr std::string_view prefix = "x-mock-";
constexpr std::string_view path_prefix = "/mock/";

}  // namespace

void apply(Wishes& wishes, const WishList& list) {
  for (const auto& [name, value] : list) {
    const auto found = setters().find(name);
    if (found != setters().end()) {
      found->second(wishes, name, value);
      continue;
    }
    std::vector<std::string> names;
    for (const auto& [each, unused] : setters()) names.push_back(each);
    const auto nearest = text::nearest(name, names);
    throw Error(Errc::invalid_parameter, std::format("mock: nothing is called '{}'; {}", name,
                                                     nearest ? std::format("did you mean '{}'?", *nearest)
                                                             : "there are: " + text::enumerate(names, "", "and")));
  }
}

WishList wishes_of(Request& request) {
  WishList list;
  if (request.path.starts_with(path_prefix)) {
    const auto end = std::min(request.path.find('/', path_prefix.size()), request.path.size());
    list = parse_query(std::string_view(request.path).substr(path_prefix.size(), end - path_prefix.size()), ',');
    request.path.erase(0, end);
  }
  for (const auto& [name, value] : request.query) {
    if (name.starts_with("mock-")) list[name.substr(prefix.size() - 2)] = value;
  }
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with(prefix)) list[name.substr(prefix.size())] = percent_decoded(value);
  }
  return list;
}

WishList drawn_fault(std::uint64_t seed, std::uint64_t number, double rate) {
  auto random = Random(seed).fork(number);
  if (random.uniform() >= rate) return {};
  static const std::array<WishList, 11> faults = {{
      {{"status", "429"}, {"retry-after", "0"}},
      {{"status", "500"}},
      {{"status", "503"}, {"retry-after", "0"}},
      {{"status", "529"}},
      {{"reset", "1"}},
      {{"close", "1"}},
      {{"missing-end", "1"}},
      {{"error-after", "2"}},
      {{"piece-bytes", "1"}},
      {{"line-ends", "crlf"}, {"comments", "1"}},
      {{"delay", "50"}},
  }};
  const auto drawn = static_cast<std::size_t>(random.below(faults.size() + 1));
  if (drawn < faults.size()) return faults[drawn];
  return {{random.below(2) == 0 ? "reset-after" : "close-after", std::to_string(1 + random.below(200))}};
}

}  // namespace dspy::mock
