#include "dspy/http/server_sent_events.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <system_error>

namespace dspy::http {

std::optional<ServerSentEvent> ServerSentEvents::next() {
  forget_returned();
  while (auto line = lines_.next()) {
    if (is_first_line_) line = text::without_byte_order_mark(*line);
    is_first_line_ = false;
    if (!line->empty()) {
      take_line(*line);
    } else if (auto event = take_event()) {
      return event;
    }
  }
  // The line goes with the next piece.
  if (data_ == Data::in_line) {
    joined_ = line_data_;
    data_ = Data::joined;
  }
  return std::nullopt;
}

std::optional<ServerSentEvent> ServerSentEvents::finish() {
  forget_returned();
  if (const auto line = lines_.rest()) take_line(is_first_line_ ? text::without_byte_order_mark(*line) : *line);
  return take_event();
}

void ServerSentEvents::forget_returned() {
  if (!is_returned_) return;
  is_returned_ = false;
  event_.clear();
  data_ = Data::none;
}

void ServerSentEvents::take_line(std::string_view line) {
  if (line.starts_with(':')) return;  // a comment
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);

  if (field == "data") {
    take_data(value);
  } else if (field == "event") {
    event_ = value;
  } else if (field == "id") {
    if (!value.contains('\0')) id_ = value;
  } else if (field == "retry") {
    std::uint64_t wait = 0;
    const auto* const end = value.data() + value.size();
    const auto [read, problem] = std::from_chars(value.data(), end, wait);
    if (problem == std::errc() && read == end) retry_ = wait;
  } else if (line.size() < limits_.stray_bytes - std::min(limits_.stray_bytes, stray_.size())) {
    stray_ += line;
    stray_ += '\n';
  }
}

void ServerSentEvents::take_data(std::string_view value) {
  const auto size = (data_ == Data::none ? 0 : (data_ == Data::joined ? joined_.size() : line_data_.size()) + 1);
  if (size + value.size() > limits_.event_bytes) {
    throw Error(
        Errc::stream_broken,
        std::format("the stream has an event of more than {} bytes, which is as much as is read", limits_.event_bytes));
  }
  if (data_ == Data::none) {
    line_data_ = value;
    data_ = Data::in_line;
    return;
  }
  if (data_ == Data::in_line) joined_ = line_data_;
  data_ = Data::joined;
  joined_ += '\n';
  joined_ += value;
}

/// An event without data is ignored, and its type is forgotten.
std::optional<ServerSentEvent> ServerSentEvents::take_event() {
  if (data_ == Data::none) {
    event_.clear();
    return std::nullopt;
  }
  is_returned_ = true;
  return ServerSentEvent{
      .event = event_, .data = data_ == Data::joined ? std::string_view(joined_) : line_data_, .id = id_};
}

}  // namespace dspy::http
