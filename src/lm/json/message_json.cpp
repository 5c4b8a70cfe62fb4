#include "dspy/base/base64.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "lm/json/members.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

constexpr std::array roles = {Role::system, Role::developer, Role::user, Role::assistant, Role::tool};
constexpr std::array media_kinds = {MediaPart::Kind::image, MediaPart::Kind::audio, MediaPart::Kind::video,
                                    MediaPart::Kind::document, MediaPart::Kind::binary};

// The members of each part, for `MemberWriter` and `MemberReader`.

template <class M, class T>
void texts_of(M& member, T& media) {
  member("url", media.url);
  member("file_id", media.file_id);
  member("path", media.path);
  member("media_type", media.media_type);
  member("name", media.name);
  member("title", media.title);
  member("context", media.context);
  member("detail", media.detail);
}

template <class M, class T>
void members_of(M& member, T& call)
  requires std::same_as<std::remove_const_t<T>, ToolCallPart>
{
  member("id", call.id);
  member("name", call.name);
  member("input", call.input);
}

template <class M, class T>
void members_of(M& member, T& citation)
  requires std::same_as<std::remove_const_t<T>, CitationPart>
{
  member("url", citation.url);
  member("title", citation.title);
  member("text", citation.text);
}

template <class M, class T>
void members_of(M& member, T& place)
  requires std::same_as<std::remove_const_t<T>, Citation>
{
  member("type", place.type);
  member("cited_text", place.cited_text);
  member("document_index", place.document_index);
  member("document_title", place.document_title);
  member("start_char_index", place.start_char_index);
  member("end_char_index", place.end_char_index);
  member("supported_text", place.supported_text);
}

template <class M, class T>
void members_of(M& member, T& data)
  requires std::same_as<std::remove_const_t<T>, DataPart>
{
  member("value", data.value);
  member("probabilities", data.probabilities);
  member("method", data.method);
}

JsonArray to_array(const std::vector<Part>& parts) {
  JsonArray out;
  out.reserve(parts.size());
  for (const auto& part : parts) out.push_back(to_json(part));
  return out;
}

std::vector<Part> parts_from_json(MemberReader& member, std::string_view name) {
  std::vector<Part> parts;
  member.each(name, [&](const Json& item) { parts.push_back(part_from_json(member.object(name, item))); });
  return parts;
}

struct WritePart {
  JsonObject& out;

  void operator()(const TextPart& part) const { out = {{"type", "text"}, {"text", part.text}}; }
  void operator()(const ReasoningPart& part) const { out = {{"type", "reasoning"}, {"text", part.text}}; }
  void operator()(const RefusalPart& part) const { out = {{"type", "refusal"}, {"text", part.text}}; }
  void operator()(const MediaPart& part) const {
    out["type"] = to_string(part.kind);
    if (part.data) out["data"] = base64::encode(*part.data);
    MemberWriter member(out);
    texts_of(member, part);
  }
  void operator()(const ToolCallPart& part) const { listed("tool_call", part); }
  void operator()(const DataPart& part) const { listed("data", part); }
  void operator()(const CitationPart& part) const {
    listed("citation", part);
    if (!part.place) return;
    JsonObject place;
    MemberWriter member(place);
    members_of(member, *part.place);
    place["type"] = part.place->type;  // an empty one is not the default
    out["place"] = std::move(place);
  }
  void operator()(const ToolResultPart& part) const {
    out["type"] = "tool_result";
    MemberWriter member(out);
    member("id", part.id);
    member("name", part.name);
    out["content"] = to_array(part.content);
    member("is_error", part.is_error);
  }

 private:
  template <class T>
  void listed(std::string_view type, const T& part) const {
    out["type"] = type;
    MemberWriter member(out);
    members_of(member, part);
  }
};

template <class T>
T read_listed(MemberReader& member) {
  T part;
  members_of(member, part);
  return part;
}

CitationPart read_citation(MemberReader& member) {
  auto part = read_listed<CitationPart>(member);
  if (const auto* const place = member.take("place")) {
    MemberReader inside(member.object("place", *place), "a citation's place");
    part.place = read_listed<Citation>(inside);
    inside.finish();
  }
  return part;
}

MediaPart read_media(MemberReader& member, MediaPart::Kind kind) {
  MediaPart part{.kind = kind};
  std::optional<std::string> data;
  member("data", data);
  if (data) {
    part.data = base64::decode(*data);
    if (!part.data) member.reject("data", "base64", Json(*data));
  }
  texts_of(member, part);
  return part;
}

Part::Content read_content(MemberReader& member, const std::string& type) {
  const auto text = [&] {
    std::string out;
    member("text", out);
    return out;
  };
  for (const auto kind : media_kinds)
    if (type == to_string(kind)) return read_media(member, kind);
  if (type == "text") return TextPart{text()};
  if (type == "reasoning") return ReasoningPart{text()};
  if (type == "refusal") return RefusalPart{text()};
  if (type == "tool_call") return read_listed<ToolCallPart>(member);
  if (type == "data") return read_listed<DataPart>(member);
  if (type == "citation") return read_citation(member);
  if (type != "tool_result") member.reject("type", "a kind of part", Json(type));
  ToolResultPart result;
  member("id", result.id);
  member("name", result.name);
  result.content = parts_from_json(member, "content");
  member("is_error", result.is_error);
  return result;
}

}  // namespace

JsonObject to_json(const Part& part) {
  JsonObject out;
  out.reserve(4);  // most have no more members
  std::visit(WritePart{out}, part.content);
  if (!part.continuation.is_null()) out["continuation"] = part.continuation;
  return out;
}

Part part_from_json(const JsonObject& written) {
  MemberReader member(written, "a part");
  std::string type;
  member("type", type);
  Part part(read_content(member, type));
  member("continuation", part.continuation);
  member.finish();
  return part;
}

JsonObject to_json(const Message& message) {
  JsonObject out;
  out.reserve(2);
  out["role"] = to_string(message.role);
  const auto* const text = message.parts.empty() ? nullptr : message.only_text();
  if (text != nullptr && message.parts.front().continuation.is_null()) {
    out["content"] = *text;
  } else {
    out["content"] = to_array(message.parts);
  }
  if (!message.continuation.is_null()) out["continuation"] = message.continuation;
  return out;
}

Message message_from_json(const JsonObject& written) {
  MemberReader member(written, "a message");
  std::string role;
  member("role", role);
  const auto* const known = std::ranges::find(roles, role, [](Role each) { return to_string(each); });
  if (known == roles.end()) member.reject("role", "system, developer, user, assistant or tool", Json(role));
  const auto* const content = member.take("content");
  Message message = content != nullptr && content->is_string()
                        ? Message(*known, std::string(view(content->get_string())))
                        : Message(*known, parts_from_json(member, "content"));
  member("continuation", message.continuation);
  member.finish();
  return message;
}

Chat chat_from_json(const JsonArray& written) {
  Chat chat;
  for (const auto& message : written) {
    if (!message.is_object()) throw Error(Errc::config_error, "a message must be an object, not " + to_text(message));
    chat.push_back(message_from_json(message.get_object()));
  }
  return chat;
}

}  // namespace dspy
