#pragma once

#include "dspy/base/json.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the servers in this folder have in common: rows that are looked at one by one.  Each of them reads the requests
// of our stores in the wire shape that its documents show, and nothing beyond.

namespace dspy::test {

struct FakeRow {
  std::string id = {};
  std::vector<float> vector = {};
  std::string passage = {};
  std::set<std::string> facts = {};
  std::map<std::string, double> numbers = {};
};
using FakeRows = std::map<std::string, FakeRow>;
using FakeCondition = std::function<bool(const FakeRow& row)>;

enum class FakeMetric { cosine, dot, square };

inline double product(const std::vector<float>& a, const std::vector<float>& b) {
  double out = 0;
  for (std::size_t i = 0; i < a.size(); ++i) out += double{a[i]} * double{b[i]};
  return out;
}

/// The cosine, the inner product, or the square of the distance.
inline double fake_measure(FakeMetric metric, const std::vector<float>& a, const std::vector<float>& b) {
  if (metric == FakeMetric::dot) return product(a, b);
  if (metric == FakeMetric::cosine) return product(a, b) / std::sqrt(product(a, a) * product(b, b));
  return product(a, a) + product(b, b) - 2 * product(a, b);
}

/// The nearest `k` that meet the condition, nearest first.
inline std::vector<std::pair<double, const FakeRow*>> nearest(const FakeRows& rows, const FakeCondition& condition,
                                                              FakeMetric metric, const std::vector<float>& query,
                                                              std::size_t k) {
  std::vector<std::pair<double, const FakeRow*>> out;
  for (const auto& [id, row] : rows)
    if (condition(row)) out.emplace_back(fake_measure(metric, query, row.vector), &row);
  std::ranges::stable_sort(out, [&](const auto& a, const auto& b) {
    return metric == FakeMetric::square ? a.first < b.first : a.first > b.first;
  });
  if (out.size() > k) out.resize(k);
  return out;
}

/// Reads a condition's text from the front.
class FakeReader {
 public:
  explicit FakeReader(std::string_view text) : text_(text) {}

  void blanks() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_.front())) != 0) text_.remove_prefix(1);
  }
  bool takes(std::string_view word) {
    blanks();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  void expect(std::string_view word) {
    if (!takes(word))
      throw std::runtime_error("`" + std::string(word) + "` expected before `" + std::string(text_.substr(0, 40)) +
                               "`");
  }
  /// Up to the sign, which is taken too.
  std::string until(char sign) {
    const auto end = text_.find(sign);
    if (end == std::string_view::npos) throw std::runtime_error(std::string("no `") + sign + "`");
    std::string out(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return out;
  }
  std::string name() {
    blanks();
    const auto end = std::ranges::find_if(
        text_, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_'; });
    std::string out(text_.begin(), end);
    text_.remove_prefix(out.size());
    return out;
  }
  double number() {
    blanks();
    const std::string rest(text_.substr(0, 64));
    char* end = nullptr;
    const double out = std::strtod(rest.c_str(), &end);
    if (end == rest.c_str()) throw std::runtime_error("a number expected before `" + rest + "`");
    text_.remove_prefix(static_cast<std::size_t>(end - rest.c_str()));
    return out;
  }
  bool is_at_end() {
    blanks();
    return text_.empty();
  }

 private:
  std::string_view text_;
};

inline FakeCondition all_of(std::vector<FakeCondition> parts) {
  return [parts = std::move(parts)](const FakeRow& row) {
    return std::ranges::all_of(parts, [&](const auto& part) { return part(row); });
  };
}
inline FakeCondition any_of(std::vector<FakeCondition> parts) {
  return [parts = std::move(parts)](const FakeRow& row) {
    return std::ranges::any_of(parts, [&](const auto& part) { return part(row); });
  };
}

inline std::vector<float> floats_of(const Json& json) {
  std::vector<float> out;
  for (const auto& each : json.as_array()) out.push_back(each.to_number<float>());
  return out;
}
inline JsonArray json_of(const std::vector<float>& vector) {
  JsonArray out;
  for (const float x : vector) out.emplace_back(double{x});
  return out;
}
inline std::string text_of(const Json& json) {
  return std::string(view(json.as_string()));
}

}  // namespace dspy::test
