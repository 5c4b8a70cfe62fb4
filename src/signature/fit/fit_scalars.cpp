// Whether a value without parts has its type.

#include "dspy/base/base64.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/detail/calendar.hpp"
#include "fit.hpp"
#include "fit_findings.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

namespace dspy {
namespace {

bool string(const Json& value, std::string_view wanted, Findings& findings) {
  if (!value.is_string()) return findings.is_not(value, wanted);
  const auto position = text::invalid_utf8(view(value.get_string()));
  return !position || findings.broken("type", value, std::format("is not valid UTF-8 at byte {}", *position));
}

bool integer(Json& value, Findings& findings) {
  if (value.is_int64()) return true;
  if (make_integer(value)) {
    findings.respelled();
    return true;
  }
  if (value.is_uint64())
    return findings.broken("type", value, std::format("is {}, beyond 64 bits", value.get_uint64()));
  if (!value.is_double()) return findings.is_not(value, "an integer");
  const double number = value.get_double();
  constexpr double beyond = 9223372036854775808.0;  // 2^63
  const auto what = number != std::trunc(number) ? "not an integer"
                    : number < -beyond || number >= beyond
                        ? "beyond 64 bits"
                        : "too large for a float to be exact; write it as an integer";
  return findings.broken("type", value, std::format("is {}, {}", number, what));
}

bool number(const Type& type, Json& value, Findings& findings) {
  if (value.is_int64() || value.is_uint64()) {
    value = value.is_int64() ? static_cast<double>(value.get_int64()) : static_cast<double>(value.get_uint64());
    findings.respelled();
  }
  if (!value.is_double()) return findings.is_not(value, "a number");
  if (std::isfinite(value.get_double()) || type.limits->allow_inf_nan) return true;
  return findings.broken("allow_inf_nan", value, std::format("is {}, not a finite number", value.get_double()));
}

bool literal(const Type& type, Json& value, Findings& findings) {
  if (std::ranges::contains(type.choices, value)) return true;
  if (value.is_double() || value.is_uint64()) {
    Json integer = value;
    if (make_integer(integer) && std::ranges::contains(type.choices, integer)) {
      value = std::move(integer);
      findings.respelled();
      return true;
    }
  }
  if (!findings.are_noted()) return false;
  return findings.broken("type", value,
                         std::format("is `{}`, not {}{}", shown(value), type.choices.size() > 1 ? "one of " : "",
                                     enumerated(type.choices)));
}

bool date(Json& value, Findings& findings) {
  if (!value.is_string()) return findings.is_not(value, "a date");
  return detail::read_date(view(value.get_string())) ||
         findings.broken("type", value, std::format("is `{}`, not a date such as `2026-11-21`", shown(value)));
}

bool datetime(Json& value, Findings& findings) {
  if (!value.is_string()) return findings.is_not(value, "a date and time");
  auto& text = value.get_string();
  if (!detail::read_datetime(view(text)))
    return findings.broken("type", value,
                           std::format("is `{}`, not a date and time such as `2026-11-21T06:48:00Z`", shown(value)));
  if (text[10] != 'T') {
    text[10] = 'T';
    findings.respelled();
  }
  return true;
}

bool time(const Json& value, Findings& findings) {
  if (!value.is_string()) return findings.is_not(value, "a time of day");
  return detail::read_time(view(value.get_string())) ||
         findings.broken("type", value, std::format("is `{}`, not a time of day such as `06:48:00`", shown(value)));
}

bool duration(Json& value, Findings& findings) {
  if (value.is_int64()) {
    value = Json(detail::duration_text({value.get_int64(), 0}));
    findings.respelled();
    return true;
  }
  if (!value.is_string()) return findings.is_not(value, "a duration");
  return detail::read_duration(view(value.get_string())) ||
         findings.broken("type", value, std::format("is `{}`, not a duration such as `PT1H30M`", shown(value)));
}

bool bytes(const Json& value, Findings& findings) {
  if (!value.is_string()) return findings.is_not(value, "base64 text");
  return base64::decoded_size(view(value.get_string())) ||
         findings.broken("type", value, std::format("is `{}`, not base64 text", shown(value)));
}

}  // namespace

bool fit_scalar(const Type& type, Json& value, Findings& findings) {
  switch (type.kind) {
    case Type::Kind::integer: return integer(value, findings);
    case Type::Kind::number: return number(type, value, findings);
    case Type::Kind::boolean: return value.is_bool() || findings.is_not(value, "a boolean");
    case Type::Kind::null_: return value.is_null() || findings.is_not(value, "null");
    case Type::Kind::literal: return literal(type, value, findings);
    case Type::Kind::date: return date(value, findings);
    case Type::Kind::datetime: return datetime(value, findings);
    case Type::Kind::time: return time(value, findings);
    case Type::Kind::duration: return duration(value, findings);
    case Type::Kind::bytes: return bytes(value, findings);
    default: return string(value, "a string", findings);
  }
}

}  // namespace dspy
