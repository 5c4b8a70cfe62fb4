#pragma once

#include "dspy/lm/events.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"
#include "dspy/providers/dialect.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a protocol is: three pure functions.  A request becomes a body, a body becomes a reply, and a reducer turns the
// events of a stream into the body that the provider would have sent at once, which is then read by the same function.
// So a streamed reply is the plain one.

namespace dspy::providers {

/// Collects what is done otherwise than it was asked.
struct Notes {
  std::vector<Adaptation> adaptations = {};
  std::vector<std::string> unenforced = {};

  void dropped(std::string_view field, std::string_view reason, Json asked = {});
  void add(Adaptation::Action action, std::string_view field, std::string_view reason, Json asked, Json applied);
};

/// Whom a request is written for.
struct Target {
  const Dialect& dialect;
  std::string_view model = {};
  bool stream = false;
};

/// A request as it is sent.
struct WireRequest {
  std::string path = {};  ///< Behind the base URL, such as `/chat/completions`.
  JsonObject body = {};
  Notes notes = {};
  std::vector<std::string> stops = {};  ///< Texts at which we must end the reply, since the provider does not.
  bool one_by_one = false;              ///< The provider gives one completion a request.
};

/// An event of a stream: of server-sent events, or a line of JSON without a name.
struct Frame {
  std::string_view event = {};
  std::string_view data = {};
};

/// Hands out the pieces of a reply, and numbers its parts in the order in which they begin.
class Emitter {
 public:
  explicit Emitter(const EventSink& sink) : sink_(sink) {}

  void start(std::string_view id, std::string_view model);
  /// `key` tells parts of a kind apart, where there are several.
  void text(std::string_view piece, std::string_view key = "text");
  void reasoning(std::string_view piece, std::string_view key = "reasoning");
  /// `key` tells calls apart, such as their index.
  void tool_call(std::string_view key, std::string_view id, std::string_view name, std::string_view piece);
  void part(const Part& whole);
  /// State of the part that was last given a piece of.
  void continuation(const Part& part);

 private:
  std::size_t index_of(std::string_view kind);

  const EventSink& sink_;
  std::vector<std::string> parts_;  ///< What each is known by.
  bool started_ = false;
};

/// Reads one stream.
class Reducer {
 public:
  virtual ~Reducer() = default;

  /// Takes an event.  Throws `Error` for one that tells of an error, and `stream_broken` for one that is not JSON.
  virtual void push(const Frame& frame, Emitter& out) = 0;
  /// The event that ends the stream has come.
  bool is_done() const noexcept { return done_; }
  /// The body of the plain reply.  Throws `Error` (`stream_broken`, with what came in `raw`) if the end is missing.
  virtual JsonObject finish() = 0;

 protected:
  bool done_ = false;
};

enum class Framing : std::uint8_t { server_sent_events, lines };

struct Protocol {
  Framing framing = Framing::server_sent_events;
  WireRequest (*write)(const Request& request, const Target& target) = nullptr;
  /// Throws `Error` for a body that tells of an error, or has no answer.
  Reply (*read)(const JsonObject& body, const Dialect& dialect) = nullptr;
  std::unique_ptr<Reducer> (*reduce)(const Dialect& dialect) = nullptr;
};

const Protocol& protocol_of(Api api) noexcept;

// Each protocol's folder defines its own.
extern const Protocol chat_protocol;
extern const Protocol responses_protocol;
extern const Protocol anthropic_protocol;
extern const Protocol gemini_protocol;
extern const Protocol ollama_protocol;

/// An event's data as an object.  Throws `Error` (`stream_broken`) if it is not one.
JsonObject event_object(const Dialect& dialect, std::string_view data);

/// A stream's missing end.
[[noreturn]] void broken_stream(const Dialect& dialect, std::string raw);

}  // namespace dspy::providers
