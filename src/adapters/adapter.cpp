#include "dspy/adapters/adapter.hpp"

#include "adapters/coercion/excerpt.hpp"
#include "adapters/writing/turn_exchange.hpp"
#include "dspy/adapters/chat_adapter.hpp"
#include "dspy/adapters/field_adapter.hpp"
#include "dspy/adapters/json_adapter.hpp"
#include "dspy/adapters/two_step_adapter.hpp"
#include "dspy/adapters/xml_adapter.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <span>
#include <utility>
#include <vector>

namespace dspy {
namespace {

constexpr std::size_t longest_excerpt = 200;

using MadeAdapter = std::shared_ptr<const Adapter>;

struct Named {
  std::string_view name;
  std::span<const Profile> profiles;  ///< None, if it does not follow Python DSPy.
  MadeAdapter (*make)(Profile);
};

constexpr Profile recorded_profiles[] = {Profile::dspy_3_3, Profile::dspy_3_4};
constexpr Profile xml_profiles[] = {Profile::dspy_3_3, Profile::dspy_3_4, Profile::dspy_3_5};

constexpr Named adapters[] = {
    {"chat", recorded_profiles,
     [](Profile profile) -> MadeAdapter {
       return std::make_shared<ChatAdapter>(ChatAdapterOptions{.profile = profile});
     }},
    {"field", {}, [](Profile) -> MadeAdapter { return std::make_shared<FieldAdapter>(); }},
    {"json", recorded_profiles,
     [](Profile profile) -> MadeAdapter {
       return std::make_shared<JsonAdapter>(JsonAdapterOptions{.profile = profile});
     }},
    {"two_step", {}, [](Profile) -> MadeAdapter { return std::make_shared<TwoStepAdapter>(); }},
    {"xml", xml_profiles,
     [](Profile profile) -> MadeAdapter {
       return std::make_shared<XmlAdapter>(XmlAdapterOptions{.profile = profile});
     }},
};

Profile profile_of(const Named& adapter, std::string_view name) {
  if (adapter.profiles.empty())
    throw Error(Errc::config_error, std::format("the adapter `{0}` has no profiles; write `{0}` alone", adapter.name));
  std::vector<std::string> names;
  for (const auto profile : adapter.profiles) {
    if (name == to_string(profile)) return profile;
    names.emplace_back(to_string(profile));
  }
  throw Error(Errc::config_error,
              std::format("the adapter `{}` has no profile `{}`; use one of: {}", adapter.name,
                          text::invalid_utf8(name) ? "(not UTF-8)" : name, text::enumerate(names, "`", "or")));
}

}  // namespace

Violations Unreadable::violations() const {
  Violations out;
  for (const auto& field : missing)
    out.push_back({.path = field, .rule = "missing", .value = nullptr, .message = "is missing"});
  for (const auto& fault : invalid) out.insert(out.end(), fault.violations.begin(), fault.violations.end());
  return out;
}

std::string Unreadable::complaint() const {
  std::string out;
  if (!missing.empty()) {
    out = std::format("the reply lacks the field{} {}", missing.size() == 1 ? "" : "s",
                      text::enumerate(missing, "`", "and"));
    if (!cause.empty()) out += std::format(": {}", cause);
  }
  for (const auto& fault : invalid) {
    if (!out.empty()) out += "; ";
    out += std::format("the field `{}` cannot be read: {}", fault.field, fault.reason);
  }
  return out;
}

std::string Unreadable::message() const {
  const auto out = complaint();
  const auto start = excerpt(text::trim(raw), longest_excerpt);
  return start.empty() ? out + "; the model's reply was empty"
                       : std::format("{}; the model replied \"{}\"", out, start);
}

Error to_error(const Unreadable& unreadable) {
  ErrorInfo info{.missing = unreadable.missing,
                 .violations = unreadable.violations(),
                 .raw = unreadable.raw,
                 .partial = unreadable.partial};
  for (const auto& fault : unreadable.invalid) info.invalid.push_back(fault.field);
  return {Errc::parse_error, unreadable.message(), std::move(info)};
}

std::expected<Reading, Unreadable> Exchange::parse(std::string_view text) const {
  Completion completion;
  completion.text = text;
  return parse(completion);
}

// The signature outlives the call, and so the exchange.
Chat Adapter::format(const Question& question) const {
  const std::shared_ptr<const Signature> borrowed(std::shared_ptr<void>(), &question.signature);
  return prepare(borrowed, question.demos)->format(question.inputs, question.history);
}

std::expected<Reading, Unreadable> Adapter::parse(const Signature& signature, std::string_view completion) const {
  const std::shared_ptr<const Signature> borrowed(std::shared_ptr<void>(), &signature);
  return prepare(borrowed)->parse(completion);
}

std::string_view to_string(Profile profile) noexcept {
  switch (profile) {
    case Profile::dspy_3_3: return "dspy-3.3";
    case Profile::dspy_3_4: return "dspy-3.4";
    case Profile::dspy_3_5: return "dspy-3.5";
  }
  std::unreachable();
}

void require_profile(std::string_view adapter, Profile profile) {
  const auto* const known = std::ranges::find(adapters, adapter, &Named::name);
  profile_of(*known, to_string(profile));
}

std::shared_ptr<const Adapter> adapter(std::string_view name) {
  std::vector<std::string> names;
  const auto at = name.find('@');
  for (const auto& known : adapters) {
    if (name.substr(0, at) == known.name)
      return known.make(at == std::string_view::npos ? Profile::newest : profile_of(known, name.substr(at + 1)));
    names.emplace_back(known.name);
  }
  const auto near = text::nearest(name, names);
  throw Error(Errc::config_error,
              std::format("there is no adapter `{}`; {}", text::invalid_utf8(name) ? "(not UTF-8)" : name,
                          near ? std::format("did you mean `{}`?", *near)
                               : std::format("use one of: {}", text::enumerate(names, "`", "or"))));
}

}  // namespace dspy
