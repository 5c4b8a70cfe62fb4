#include "dspy/signature/reflect.hpp"

#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "signature/fit/fit.hpp"

#include <format>

namespace dspy::detail {
namespace {

/// The member of the user's struct that a path begins with.
std::string first_member(const std::string& path) {
  return path.substr(0, path.find_first_of(".["));
}

Violation violation_of(const Unfit& unfit) {
  return {.path = unfit.path, .rule = "type", .value = nullptr, .message = unfit.reason};
}

std::string_view text_in(const Json& value, std::string_view wanted) {
  if (!value.is_string()) refuse_kind(value, wanted);
  return view(value.get_string());
}

[[noreturn]] void refuse_text(std::string_view text, std::string_view wanted) {
  throw Unfit{std::format("is `{}`, not {}", shown(Json(text)), wanted)};
}

}  // namespace

void Unfit::within(std::string_view member) {
  path = path_within(member, path);
}

void Unfit::within(std::size_t index) {
  path = path_within(index, path);
}

void refuse_kind(const Json& value, std::string_view wanted) {
  throw Unfit{std::format("is {}, not {}", kind_of(value), wanted)};
}

void refuse_range(const Json& value, std::int64_t lowest, std::uint64_t highest) {
  throw Unfit{std::format("is {}, beyond its C++ type ({} to {}); widen the type, or give the field limits",
                          to_text(value), lowest, highest)};
}

void refuse_range(const Json& value, double highest) {
  throw Unfit{std::format("is {}, beyond its C++ type (±{:g}); widen the type, or give the field limits",
                          to_text(value), highest)};
}

void refuse_name(const Json& value) {
  throw Unfit{std::format("is `{}`, which is not an enumerator of its enumeration", shown(value))};
}

void refuse_enumerator(long long value) {
  throw Unfit{std::format("holds {}, which is not an enumerator of its enumeration; initialise it", value)};
}

void refuse_empty_box() {
  throw Unfit{"is an empty dspy::Boxed; give it a value"};
}

void refuse_repeated(std::string_view member) {
  throw Unfit{std::format("has another member `{}`, which its struct names; take it out", member)};
}

void refuse_count(std::size_t count, std::size_t wanted) {
  throw Unfit{std::format("has {} item{}, not {}", count, count == 1 ? "" : "s", wanted)};
}

void refuse_key(std::string_view key, std::string_view wanted) {
  throw Unfit{std::format("has the key `{}`, which is not {}", shown(Json(key)), wanted)};
}

void refuse_precision() {
  throw Unfit{"is finer than its C++ type; use a duration such as std::chrono::nanoseconds"};
}

void refuse_length() {
  throw Unfit{"is a time beyond its C++ type; use a coarser one, such as std::chrono::seconds"};
}

void refuse_to_write(const Unfit& unfit) {
  if (unfit.path.empty()) throw Error(Errc::bad_input, "the value " + unfit.reason);
  throw Error(Errc::bad_input, std::format("the input `{}` {}", unfit.path, unfit.reason),
              {.invalid = {first_member(unfit.path)}, .violations = {violation_of(unfit)}});
}

void refuse_to_read(const Unfit& unfit) {
  if (unfit.path.empty()) throw Error(Errc::parse_error, "the value " + unfit.reason);
  throw Error(Errc::parse_error, std::format("the field `{}` {}", unfit.path, unfit.reason),
              {.invalid = {first_member(unfit.path)}, .violations = {violation_of(unfit)}});
}

namespace {

/// What JSON reveals of a type: neither its name nor its range, which may include another's.
Type anonymous(Type type) {
  type.name.clear();
  type.labels.clear();
  if (type.limits.is_set()) {
    auto limits = *type.limits;
    limits.gt = limits.ge = limits.lt = limits.le = limits.multiple_of = std::nullopt;
    type.limits = std::move(limits);
  }
  for (auto& argument : type.arguments) argument = anonymous(std::move(argument));
  if (type.members->empty()) return type;
  for (auto& member : type.members.edit()) {
    member.type = anonymous(std::move(member.type));
    member.description.clear();
    member.label.clear();
  }
  return type;
}

}  // namespace

Type type_of_variant(std::vector<Type> alternatives) {
  std::vector<Type> shapes;
  for (const auto& alternative : alternatives) {
    shapes.push_back(anonymous(alternative));
    for (std::size_t i = 0; i + 1 < shapes.size(); ++i) {
      if (shapes[i] != shapes.back()) continue;
      const auto first = annotation_name(alternatives[i]);
      const auto second = annotation_name(alternative);
      throw Error(Errc::signature_error,
                  first == second
                      ? std::format("two alternatives of a std::variant are `{}`, so JSON cannot tell them apart; "
                                    "keep one",
                                    first)
                      : std::format("the alternatives `{}` and `{}` of a std::variant look alike, so JSON cannot "
                                    "tell them apart; keep one, or give one a member that the other lacks",
                                    first, second));
    }
  }
  return Type::union_of(std::move(alternatives));
}

std::size_t alternative_of(std::span<const Type> types, const Json& value) {
  if (const auto index = dspy::alternative_of(types, value)) return *index;
  std::vector<std::string> names;
  for (const auto& type : types) names.push_back(std::format("`{}`", annotation_name(type)));
  throw Unfit{std::format("is {}, which fits none of {}", kind_of(value), text::enumerate(names))};
}

std::vector<std::byte> read_bytes(const Json& value) {
  const auto text = text_in(value, "base64 text");
  auto bytes = base64::decode(text);
  if (!bytes) refuse_text(text, "base64 text");
  return *std::move(bytes);
}

Json write_bytes(std::span<const std::byte> bytes) {
  return Json(base64::encode(bytes));
}

std::chrono::year_month_day read_day(const Json& value) {
  const auto text = text_in(value, "a date");
  const auto day = read_date(text);
  if (!day) refuse_text(text, "a date such as `2026-11-21`");
  return *day;
}

Json write_day(std::chrono::year_month_day day) {
  if (!day.ok() || day.year() < std::chrono::year(1) || day.year() > std::chrono::year(9999))
    throw Unfit{"is not a date within the years 1 to 9999; initialise it"};
  return Json(date_text(day));
}

Moment read_moment(const Json& value) {
  const auto text = text_in(value, "a date and time");
  const auto moment = read_datetime(text);
  if (!moment) refuse_text(text, "a date and time such as `2026-11-21T06:48:00Z`");
  return *moment;
}

Instant read_wall_time(const Json& value) {
  const auto moment = read_moment(value);
  if (moment.offset_minutes) {
    throw Unfit{
        std::format("is `{}`, which has an offset; use std::chrono::sys_time or dspy::DateTime for it", shown(value))};
  }
  return moment.local;
}

Json write_moment(const Moment& moment) {
  constexpr std::int64_t first = -62'135'596'800;  // the year 1
  constexpr std::int64_t last = 253'402'300'799;   // the year 9999
  if (moment.local.seconds < first || moment.local.seconds > last)
    throw Unfit{"is a time outside of the years 1 to 9999; initialise it"};
  return Json(datetime_text(moment));
}

namespace {

std::optional<std::int32_t> checked_offset(std::optional<std::chrono::minutes> offset) {
  using std::chrono::days;
  if (!offset) return std::nullopt;
  if (*offset <= -days(1) || *offset >= days(1)) throw Unfit{"has an offset from UTC of a day or more; initialise it"};
  return static_cast<std::int32_t>(offset->count());
}

}  // namespace

Json write_date_time(Instant local, std::optional<std::chrono::minutes> offset) {
  return write_moment({local, checked_offset(offset)});
}

Moment read_time_of_day(const Json& value) {
  const auto text = text_in(value, "a time of day");
  const auto time = read_time(text);
  if (!time) refuse_text(text, "a time of day such as `06:48:00`");
  return *time;
}

Json write_time_of_day(Instant since_midnight, std::optional<std::chrono::minutes> offset) {
  constexpr std::int64_t day_seconds = 86'400;
  if (since_midnight.seconds < 0 || since_midnight.seconds >= day_seconds)
    throw Unfit{"is not a time within a day; initialise it"};
  return Json(time_text({since_midnight, checked_offset(offset)}));
}

Instant read_length(const Json& value) {
  const auto text = text_in(value, "a duration");
  const auto length = read_duration(text);
  if (!length) refuse_text(text, "a duration such as `PT1H30M`");
  return *length;
}

Json write_length(Instant length) {
  return Json(duration_text(length));
}

Json write_history(const History& history) {
  JsonArray messages;
  for (const auto& turn : history.turns) messages.push_back(turn.data);
  return JsonObject{{"messages", std::move(messages)}};
}

History read_history(const Json& value) {
  const auto* object = value.if_object();
  const auto* messages = object != nullptr ? object->if_contains("messages") : nullptr;
  if (messages == nullptr || !messages->is_array()) throw Unfit{"has no list `messages`"};
  History out;
  for (const auto& message : messages->get_array()) {
    if (!message.is_object()) throw Unfit{std::format("has a message that is {}, not an object", kind_of(message))};
    out.turns.emplace_back().data = message.get_object();
  }
  return out;
}

}  // namespace dspy::detail
