#include "flags/policy_flags.hpp"

namespace dspy::app {

void PolicyFlags::add_to(CLI::App& command) {
  constexpr auto group = "Replies that cannot be read or break a limit";
  command
      .add_option("--rewrite", rewrite,
                  "Let a local model rewrite a wrong value, keeping the text before it, at most this many times")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--ask-again", ask_again,
                  "Ask again, showing the model its reply and what is wrong with it, at most this many times; 0: "
                  "never. Not after part of the reply was streamed")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--fallback", fallback,
                  "Then ask once more with another adapter: field, chat, json, xml or two_step [none]")
      ->group(group);
  command
      .add_option("--finally", finally,
                  "Then fail, or accept what could be read, including values that only break a limit, each with a flag")
      ->capture_default_str()
      ->check(CLI::IsMember({"fail", "accept"}))
      ->group(group);
}

CallPolicy PolicyFlags::make() const {
  CallPolicy policy{.rewrite = rewrite,
                    .ask_again = ask_again,
                    .fallback = fallback.empty() ? nullptr : adapter(fallback),
                    .finally = finally == "accept" ? CallPolicy::Finally::accept : CallPolicy::Finally::fail};
  validate(policy);
  return policy;
}

}  // namespace dspy::app
