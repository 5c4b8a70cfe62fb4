#pragma once

#include "adapters/markers.hpp"
#include "dspy/adapters/chat_adapter.hpp"

#include <string>

namespace dspy {

/// What a `ChatAdapter` says of a signature before anything is asked.
std::string chat_system_text(const Signature& signature, const ChatTexts& texts);

/// What ends each question; empty if the text for it is.
std::string chat_request_text(const Signature& signature, const ChatTexts& texts);

/// Appends a section, with an empty line before it unless it is the first of `out`.
void append_section(std::string& out, const Markers& markers, const Field& field, const Json& value);

/// Appends a section whose text is the prompt's own.
void append_section(std::string& out, std::string_view name, std::string_view text);

/// Appends the marker that ends an assistant turn.
void append_completed(std::string& out);

}  // namespace dspy
