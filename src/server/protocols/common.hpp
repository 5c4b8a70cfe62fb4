#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/contract.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"
#include "server/protocols/asked.hpp"

#include <optional>
#include <string>
#include <string_view>

// What the APIs have in common.

namespace dspy::server {

/// The arguments of a tool call that a client sends back.  Throws `Error` (`invalid_parameter`) for a text that is no
/// JSON object.
JsonObject arguments_of(std::string_view text, std::string_view place);

/// A picture or file from where a client says it is: an `http:` or `https:` URL, which is passed on, or a `data:` URL,
/// whose bytes are taken.  Throws `Error` (`invalid_parameter`) for another.
MediaPart media_at(MediaPart::Kind kind, std::string_view url, std::string_view place);
Bytes bytes_of(std::string_view base64, std::string_view place);

/// The name of the tool that was called by `id` earlier in `chat`; empty if none was.
std::string tool_called(const Chat& chat, std::string_view id);

/// What holds a reply to a JSON Schema; to any JSON object.
OutputContract held_to(const Json& schema, std::string name, std::optional<bool> strict);
OutputContract held_to_json();

/// Throws `Error` (`invalid_parameter`, with the member of `sampling` as its feature) for a value out of range.
void check(const Request& request);

/// In dollars, if it is known.
std::optional<double> dollars(const Usage& usage);

/// This server's members in addition to the API's own: the trace's id, adaptations, a program's outputs, unenforced
/// constraints.  Empty if there are none.
JsonObject remarks(const Reply& reply, const Stamp& stamp);

/// Valid UTF-8: the bytes of a token may be a part of a character.
std::string shown(std::string_view bytes);

}  // namespace dspy::server
