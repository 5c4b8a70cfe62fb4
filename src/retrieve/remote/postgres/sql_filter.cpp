#include "retrieve/remote/postgres/sql_filter.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"

#include <charconv>
#include <format>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::remote {
namespace {

class Writing {
 public:
  explicit Writing(SqlValues& values) : values_(values) {}

  std::string operator()(const Filter& filter) {
    using enum Filter::Op;
    switch (filter.op()) {
      case everything: return "true";
      case all: return joined(filter, " and ", "true");
      case any: return joined(filter, " or ", "false");
      case negation: return std::format("not {}", (*this)(filter.parts().front()));
      case exists:
        return std::format("(({}) is {}null)", found(filter.field()), filter.value().get_bool() ? "not " : "");
      case eq: return equal(filter.field(), filter.value());
      case ne: return "not " + equal(filter.field(), filter.value());
      case in: return one_of(filter);
      case nin: return "not " + one_of(filter);
      case contains: return holding(filter.field(), filter.value());
      default: return ordered(filter);
    }
  }

 private:
  /// The field's value as jsonb; null where it is not there.
  std::string found(const std::string& field) {
    if (field == "id" || field == "text") return std::format("to_jsonb({})", field);
    const auto name = placed(values_, field);
    if (field == "source") return std::format("coalesce(to_jsonb(nullif(source, '')), metadata -> {}::text)", name);
    return std::format("metadata -> {}::text", name);
  }

  std::string json(const Json& value) { return placed(values_, to_text(value)) + "::jsonb"; }

  std::string equal(const std::string& field, const Json& value) {
    auto left = found(field);
    return std::format("coalesce(({}) = {}, false)", left, json(value));
  }

  std::string one_of(const Filter& filter) {
    std::string out;
    for (const auto& value : filter.value().get_array())
      out += (out.empty() ? "" : " or ") + equal(filter.field(), value);
    return out.empty() ? "false" : std::format("({})", out);
  }

  /// Texts byte by byte, numbers by value; a value of another kind is neither above nor below.
  std::string ordered(const Filter& filter) {
    const auto* const op = filter.op() == Filter::Op::gt    ? ">"
                           : filter.op() == Filter::Op::gte ? ">="
                           : filter.op() == Filter::Op::lt  ? "<"
                                                            : "<=";
    const auto left = found(filter.field());
    if (filter.value().is_string())
      return std::format(
          R"((case jsonb_typeof({0}) when 'string' then (({0}) #>> '{{}}') collate "C" {1} {2}::text else false end))",
          left, op, placed(values_, std::string(view(filter.value().get_string()))));
    return std::format(
        "(case jsonb_typeof({0}) when 'number' then (({0}) #>> '{{}}')::numeric {1} {2}::numeric else false end)", left,
        op, placed(values_, to_text(filter.value())));
  }

  std::string holding(const std::string& field, const Json& value) {
    const auto left = found(field);
    auto out =
        std::format("(case jsonb_typeof({0}) when 'array' then ({0}) @> jsonb_build_array({1})", left, json(value));
    if (value.is_string())
      out += std::format(" when 'string' then strpos(({}) #>> '{{}}', {}::text) > 0", left,
                         placed(values_, std::string(view(value.get_string()))));
    return out + " else false end)";
  }

  std::string joined(const Filter& filter, std::string_view between, std::string_view none) {
    std::string out;
    for (const auto& part : filter.parts()) out += (out.empty() ? "" : std::string(between)) + (*this)(part);
    return out.empty() ? std::string(none) : std::format("({})", out);
  }

  SqlValues& values_;
};

[[noreturn]] void no_vector() {
  throw Error(Errc::backend_error, "the postgres server's answer has something else where a vector should be");
}

}  // namespace

std::string placed(SqlValues& values, std::string value) {
  require_no_zero_byte(value, "a value for the postgres server");
  values.push_back(std::move(value));
  return std::format("${}", values.size());
}

std::string sql_filter(const Filter& filter, SqlValues& values) {
  return Writing(values)(filter);
}

std::string vector_text(const std::vector<float>& vector) {
  std::string out = "[";
  for (const float x : vector) out += std::format("{}{}", out.size() == 1 ? "" : ",", x);
  return out + ']';
}

std::vector<float> vector_of_text(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') no_vector();
  text = text.substr(1, text.size() - 2);
  std::vector<float> out;
  while (!text.empty()) {
    float x = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), x);
    if (code != std::errc()) no_vector();
    out.push_back(x);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.empty() && text.front() != ',') no_vector();
    if (!text.empty()) text.remove_prefix(1);
  }
  return out;
}

void require_no_zero_byte(std::string_view text, std::string_view where) {
  if (text.contains('\0'))
    throw Error(Errc::invalid_parameter,
                std::format("{} has a zero byte, which PostgreSQL cannot keep; take it out", where));
}

void require_no_zero_byte(const Json& value, std::string_view where) {
  if (const auto* const text = value.if_string()) {
    require_no_zero_byte(view(*text), where);
  } else if (const auto* const list = value.if_array()) {
    for (const auto& each : *list) require_no_zero_byte(each, where);
  } else if (const auto* const object = value.if_object()) {
    for (const auto& [name, each] : *object) {
      require_no_zero_byte(std::string_view(name), where);
      require_no_zero_byte(each, where);
    }
  }
}

}  // namespace dspy::remote
