#include "server/anthropic/blocks.hpp"

#include "server/protocols/common.hpp"
#include "server/protocols/members.hpp"

#include <format>
#include <string_view>
#include <utility>

namespace dspy::server::anthropic {
namespace {

MediaPart source_of(MediaPart::Kind kind, Members& block) {
  const auto at = block.at("source");
  Members source(object_of(block.require("source"), at), at);
  const auto type = source.required_text("type");
  MediaPart media{.kind = kind};
  if (type == "base64") {
    media.media_type = source.required_text("media_type");
    media.data = bytes_of(source.required_text("data"), source.at("data"));
  } else if (type == "text") {
    media.media_type = source.text("media_type").value_or("text/plain");
    const auto text = source.required_text("data");
    const auto* const bytes = reinterpret_cast<const std::byte*>(text.data());
    media.data = Bytes(bytes, bytes + text.size());
  } else if (type == "url") {
    media = media_at(kind, source.required_text("url"), source.at("url"));
  } else if (type == "file") {
    media.file_id = source.required_text("file_id");
  } else {
    wrong(source.at("type"), "must be base64, text, url or file");
  }
  source.finish();
  return media;
}

Part result_of(Members& block, const Chat& before) {
  ToolResultPart result{
      .id = block.required_text("tool_use_id"), .content = {}, .is_error = block.flag("is_error").value_or(false)};
  result.name = tool_called(before, result.id);
  if (result.name.empty()) wrong(block.at("tool_use_id"), "is not the id of a call that came before");
  if (const auto* const content = block.find("content"))
    result.content = read_content(*content, block.at("content"), before);
  return result;
}

Part read_block(const JsonObject& object, const std::string& place, const Chat& before) {
  Members block(object, place);
  const auto type = block.required_text("type");
  block.ignore({"cache_control"});
  Part out;
  if (type == "text") {
    block.ignore({"citations"});
    out = TextPart{block.required_text("text")};
  } else if (type == "image") {
    out = source_of(MediaPart::Kind::image, block);
  } else if (type == "document") {
    auto media = source_of(MediaPart::Kind::document, block);
    media.title = block.text("title").value_or("");
    media.context = block.text("context").value_or("");
    block.expect("citations", {JsonObject{{"enabled", false}}}, "replies cite nothing here");
    out = std::move(media);
  } else if (type == "tool_use") {
    const auto* const input = block.object("input");
    out = ToolCallPart{.id = block.required_text("id"),
                       .name = block.required_text("name"),
                       .input = input != nullptr ? *input : JsonObject()};
    block.ignore({"caller"});
  } else if (type == "tool_result") {
    out = result_of(block, before);
  } else if (type == "thinking") {
    block.ignore({"signature"});
    out = ReasoningPart{block.required_text("thinking")};
  } else {
    not_honoured(block.at("type"), std::format("there are no blocks `{}`", type));
  }
  block.finish();
  return out;
}

}  // namespace

std::vector<Part> read_content(const Json& content, const std::string& place, const Chat& before) {
  std::vector<Part> out;
  if (content.is_string()) {
    out.emplace_back(TextPart{std::string(view(content.get_string()))});
    return out;
  }
  if (!content.is_array()) wrong(place, "must be a text or a list of blocks");
  std::size_t number = 0;
  for (const auto& each : content.get_array()) {
    const auto at = indexed(place, number++);
    out.push_back(read_block(object_of(each, at), at, before));
  }
  return out;
}

}  // namespace dspy::server::anthropic
