// Golden bodies and streams, tests/cases/providers/: a request is written as its body, a body is read as its reply, and
// a stream gives the same reply however it is cut.

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "support.hpp"

using namespace dspy;
using namespace dspy::test;

namespace {

const std::vector<std::string> protocols = {"chat", "responses", "anthropic", "gemini", "ollama"};

std::vector<std::string> shown(const std::vector<Adaptation>& adaptations) {
  std::vector<std::string> out;
  for (const auto& each : adaptations) {
    CHECK_FALSE(each.reason.empty());
    out.push_back(std::format("{} {}", to_string(each.action), each.field));
  }
  return out;
}

std::vector<std::string> texts_of(const JsonObject& entry, std::string_view name) {
  std::vector<std::string> out;
  if (const auto* const list = entry.if_contains(name))
    for (const auto& each : list->as_array()) out.emplace_back(view(each.as_string()));
  return out;
}

/// Whose state it is depends on the key.
void forget_account(Reply& reply) {
  const auto forget = [](Json& continuation) {
    if (auto* const state = continuation.if_object()) state->erase("account");
  };
  for (auto& completion : reply.completions) {
    forget(completion.continuation);
    for (auto& part : completion.parts) forget(part.continuation);
  }
}

/// Replies differ in what was done about the request, which these are read without.
void check_same(const Reply& reply, const Reply& expected) {
  CAPTURE(to_text(to_json(reply)));
  CHECK(reply == expected);
}

std::size_t whole_parts(const Completion& completion) {
  std::size_t media = 0;
  for (const auto& part : completion.parts) media += part.get<MediaPart>() != nullptr ? 1 : 0;
  return completion.citations.size() + (completion.refusal.empty() ? 0 : 1) + media;
}

void check_events(const Told& told, const Reply& reply) {
  CHECK(told.whole == whole_parts(reply.completion()));
  CHECK(told.text == reply.completion().text);
  CHECK(told.reasoning == reply.completion().reasoning);
  REQUIRE(told.calls.size() == reply.completion().tool_calls.size());
  for (std::size_t i = 0; i < told.calls.size(); ++i) {
    const auto& call = reply.completion().tool_calls[i];
    const auto head = call.id + " " + call.name + " ";
    CHECK(told.calls[i].starts_with(head));
    const auto input = told.calls[i].substr(head.size());
    CHECK(parse_json(input.empty() ? "{}" : input) == Json(call.input));
  }
}

}  // namespace

TEST_CASE("Requests are written as the providers document them") {
  for (const auto& protocol : protocols) {
    for (const auto& each : cases_of(protocol + "_requests")) {
      const auto& entry = each.as_object();
      CAPTURE(protocol);
      CAPTURE(text_of(entry, "name"));
      const auto request = request_from_json(entry.at("request").as_object());
      const auto model = text_of(entry, "model");
      const auto wire =
          providers::protocol_of(api_of(entry))
              .write(request, {.dialect = dialect_of(entry), .model = model, .stream = flag_of(entry, "stream")});
      CAPTURE(to_text(wire.body));
      CHECK(Json(wire.body) == entry.at("body"));
      CHECK(shown(wire.notes.adaptations) == texts_of(entry, "adaptations"));
      CHECK(wire.notes.unenforced == texts_of(entry, "unenforced"));
      CHECK(wire.stops == texts_of(entry, "stops"));
      CHECK(wire.one_by_one == flag_of(entry, "one_by_one"));
      if (entry.contains("path")) CHECK(wire.path == text_of(entry, "path"));
    }
  }
}

TEST_CASE("Bodies are read whole: what has no place of its own is kept") {
  for (const auto& protocol : protocols) {
    for (const auto& each : cases_of(protocol + "_replies")) {
      const auto& entry = each.as_object();
      CAPTURE(protocol);
      CAPTURE(text_of(entry, "name"));
      const auto reply = providers::protocol_of(api_of(entry)).read(entry.at("body").as_object(), dialect_of(entry));
      check_same(reply, reply_from_json(entry.at("reply").as_object()));
    }
  }
}

TEST_CASE("A stream gives the plain reply, however it is cut, and its events join to it") {
  for (const auto& protocol : protocols) {
    for (const auto& each : cases_of(protocol + "_replies")) {
      const auto& entry = each.as_object();
      const auto api = api_of(entry);
      CAPTURE(protocol);
      CAPTURE(text_of(entry, "name"));
      const auto expected = reply_from_json(entry.at("reply").as_object());
      const auto wire = wire_of(entry.at("events").as_array(), api);
      for (const std::size_t piece : {0, 1, 2, 3, 7, 64}) {
        CAPTURE(piece);
        const Remote remote(dialect_of(entry).name, {.api = api});
        remote.transport->reply({.headers = type_of(api, true), .body = wire, .piece_bytes = piece});
        Told told;
        auto reply =
            wait(remote.lm->stream({.messages = {{Role::user, "q"}}}, [&](const StreamEvent& e) { told.take(e); }));
        reply.adaptations.clear();
        forget_account(reply);
        check_same(reply, expected);
        check_events(told, expected);
        CHECK(told.started == expected.id + " " + expected.model);
      }
    }
  }
}

TEST_CASE("A stream that ends anywhere before its end is broken, never a reply") {
  for (const auto& protocol : protocols) {
    for (const auto& each : cases_of(protocol + "_replies")) {
      const auto& entry = each.as_object();
      const auto api = api_of(entry);
      CAPTURE(protocol);
      CAPTURE(text_of(entry, "name"));
      const auto& events = entry.at("events").as_array();
      const auto wire = wire_of(events, api);
      const auto last = wire_of({events.back()}, api).size();
      const bool may_lack_done = api == Api::chat && !dialect_of(entry).ends_with_done;
      // Of a server that need not say [DONE], the end is the last choice's reason to finish.
      const auto until = may_lack_done ? wire.find("finish_reason\":\"") : wire.size() - last;
      for (std::size_t cut = 0; cut < until; cut += 3) {
        CAPTURE(cut);
        const Remote remote(dialect_of(entry).name, {.api = api});
        remote.transport->reply({.headers = type_of(api, true), .body = wire.substr(0, cut)});
        std::string seen;
        const auto result = attempt([&] {
          return wait(remote.lm->stream({.messages = {{Role::user, "q"}}}, [&](const StreamEvent& event) {
            if (event.kind == StreamEvent::Kind::text) seen += event.text;
          }));
        });
        REQUIRE_FALSE(result.has_value());
        CHECK(result.error().code() == Errc::stream_broken);
        CHECK(result.error().info().raw == seen);
        CHECK(result.error().info().model == "m");
      }
    }
  }
}

TEST_CASE("What a provider said goes back to it as it was") {
  const auto entry = cases_of("anthropic_replies")[1].as_object();
  const auto reply = providers::anthropic_protocol.read(entry.at("body").as_object(), dialect_of(entry));
  const Request next{.messages = {{Role::user, "q"}, to_message(reply.completion()), {Role::user, "more"}}};
  const auto wire = providers::anthropic_protocol.write(next, {.dialect = dialect_of(entry), .model = "c"});
  CHECK(wire.body.at("messages").as_array()[1].as_object().at("content") == entry.at("body").as_object().at("content"));
}
