#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/reply.hpp"
#include "server/protocols/asked.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace dspy::server {

/// Writes a reply as the stream of an API while it comes.  No I/O: each call returns the bytes to send, which may be
/// none.  The texts sent join to the finished reply's, or the stream ends with an error.
class ReplyWriter {
 public:
  virtual ~ReplyWriter() = default;

  /// Before anything else.  `usage` is what is known then.
  virtual std::string begin(const Usage& usage) = 0;
  virtual std::string event(const StreamEvent& event) = 0;
  /// The rest of it, with finish reason and usage.
  virtual std::string finish(const Reply& reply) = 0;
  /// In place of `finish`.
  virtual std::string fail(const Error& error) = 0;
};

/// `data: …` of a server-sent event, with `event: …` before it unless `type` is empty.
std::string sse(std::string_view type, const JsonObject& data);

/// What a stream has said of a text, and what is left of it at the end.
class Said {
 public:
  void add(std::string_view text) { text_ += text; }
  /// Throws `Error` (`stream_broken`) if `whole` does not begin with what was said.
  std::string_view rest_of(std::string_view whole) const;
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

}  // namespace dspy::server
