#include "dspy/models/source.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/url.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::models {
namespace {

constexpr std::string_view remedy =
    "a model is named by a name of the catalogue (`dspy models catalogue`), `hf:owner/repository[:file]`, "
    "`ollama:name[:tag]`, the address of a page of the hub, or an https URL of a .gguf file";

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Error(Errc::invalid_parameter, std::format("`{}` {}; {}", text, why, remedy));
}

bool is_name_byte(char byte) noexcept {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '.' ||
         byte == '-' || byte == '_';
}

/// A part of a path that says what it seems to: no `..`, no separator.
bool is_part(std::string_view text) noexcept {
  return !text.empty() && text != "." && text != ".." && std::ranges::all_of(text, is_name_byte);
}

bool is_path(std::string_view text) {
  for (;;) {
    const auto slash = text.find('/');
    if (!is_part(text.substr(0, slash))) return false;
    if (slash == text.npos) return true;
    text.remove_prefix(slash + 1);
  }
}

/// Cuts off what follows the first `mark`.
std::string take_after(std::string_view& text, char mark) {
  const auto at = text.find(mark);
  if (at == text.npos) return {};
  auto out = std::string(text.substr(at + 1));
  text = text.substr(0, at);
  return out;
}

Source hugging_face(std::string_view whole, std::string_view rest) {
  Source out{.kind = Source::Kind::hugging_face};
  out.file = take_after(rest, ':');
  out.revision = take_after(rest, '@');
  const auto slash = rest.find('/');
  if (slash == rest.npos || !is_part(rest.substr(0, slash)) || !is_part(rest.substr(slash + 1)))
    refuse(whole, "names no repository `owner/repository`");
  if (!out.file.empty() && !is_path(out.file)) refuse(whole, "names no file of a repository");
  if (!out.revision.empty() && !is_path(out.revision)) refuse(whole, "names no revision of a repository");
  out.owner = rest.substr(0, slash);
  out.repository = rest.substr(slash + 1);
  return out;
}

/// A page or a file of the hub by its address, as browsers and other programs write it: `https://hf.co/o/r`, with
/// `/tree/REVISION`, `/blob/REVISION/FILE` or `/resolve/REVISION/FILE`.  Nothing for other addresses.
std::optional<Source> hub_address(std::string_view whole) {
  auto rest = whole;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  }
  const auto slash = rest.find('/');
  const auto host = text::to_lower(rest.substr(0, slash));
  if (slash == rest.npos || (host != "huggingface.co" && host != "www.huggingface.co" && host != "hf.co"))
    return std::nullopt;
  rest = rest.substr(slash + 1, rest.find_first_of("?#") - slash - 1);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const auto cut = [&] {
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    return std::string(part);
  };
  const auto owner = cut(), repository = cut(), kind = cut();
  if (kind.empty()) return hugging_face(whole, owner + "/" + repository);
  const auto revision = cut();
  const bool is_file = kind == "blob" || kind == "resolve";
  if ((!is_file && kind != "tree") || revision.empty() || (is_file && rest.empty()))
    refuse(whole.substr(0, whole.find_first_of("?#")), "is not a page of a model");
  return hugging_face(whole, std::format("{}/{}{}{}{}", owner, repository, revision == "main" ? "" : "@" + revision,
                                         is_file ? ":" : "", is_file ? rest : ""));
}

Source ollama(std::string_view whole, std::string_view rest) {
  Source out{.kind = Source::Kind::ollama};
  out.revision = take_after(rest, ':');
  const auto slash = rest.find('/');
  out.owner = slash == rest.npos ? "library" : rest.substr(0, slash);
  out.repository = slash == rest.npos ? rest : rest.substr(slash + 1);
  if (!is_part(out.owner) || !is_part(out.repository) || (!out.revision.empty() && !is_part(out.revision)))
    refuse(whole, "is not a name of an Ollama model");
  return out;
}

/// `x-00001-of-00003` → `x`
std::string without_part_number(std::string name) {
  constexpr std::size_t mark = 15;
  if (name.size() > mark && name[name.size() - mark] == '-' &&
      std::string_view(name).substr(name.size() - 9, 4) == "-of-")
    name.resize(name.size() - mark);
  return name;
}

std::string stem_of(std::string_view path) {
  auto name = std::string(path.substr(path.rfind('/') + 1));
  if (text::to_lower(name).ends_with(".gguf")) name.resize(name.size() - 5);
  return without_part_number(std::move(name));
}

std::string as_name(std::string text) {
  for (auto& byte : text) {
    if (!is_name_byte(byte)) byte = '-';
  }
  while (text.starts_with('.') || text.starts_with('-')) text.erase(0, 1);
  return text;
}

}  // namespace

bool is_model_name(std::string_view name) noexcept {
  return is_part(name) && !name.starts_with('.') && !name.starts_with('-') && name.size() <= 200;
}

Source parse_source(std::string_view text) {
  if (text.starts_with("hf:")) return hugging_face(text, text.substr(3));
  if (text.starts_with("ollama:")) return ollama(text, text.substr(7));
  if (auto source = hub_address(text)) return *std::move(source);
  if (text.starts_with("http://") || text.starts_with("https://")) {
    const auto url = http::parse_url(text);
    if (!url) refuse(text.substr(0, text.find_first_of("?@")), "is not a URL that can be asked: " + url.error());
    if (url->has_userinfo) refuse(url->origin(), "contains a password, which would be stored");
    return {.kind = Source::Kind::url, .url = std::string(text)};
  }
  if (!is_model_name(text)) refuse(text, "is not a name of a model");
  return {.name = std::string(text)};
}

std::string to_text(const Source& source) {
  switch (source.kind) {
    case Source::Kind::catalogue: return source.name;
    case Source::Kind::url: return source.url.substr(0, source.url.find_first_of("?#"));
    case Source::Kind::hugging_face:
      return std::format("hf:{}/{}{}{}", source.owner, source.repository,
                         source.revision.empty() ? "" : "@" + source.revision,
                         source.file.empty() ? "" : ":" + source.file);
    case Source::Kind::ollama: break;
  }
  return std::format("ollama:{}{}{}", source.owner == "library" ? "" : source.owner + "/", source.repository,
                     source.revision.empty() ? "" : ":" + source.revision);
}

std::string default_name(const Source& source) {
  switch (source.kind) {
    case Source::Kind::catalogue: return source.name;
    case Source::Kind::url: {
      const auto url = http::parse_url(source.url);
      auto name = as_name(stem_of(url ? url->path : ""));
      return name.empty() ? "model" : name;
    }
    case Source::Kind::hugging_face:
      // A format names no model by itself.
      if (text::to_lower(source.file).ends_with(".gguf")) return as_name(stem_of(source.file));
      return as_name(source.file.empty() ? source.repository : source.repository + "-" + source.file);
    case Source::Kind::ollama: break;
  }
  return as_name(source.revision.empty() || source.revision == "latest" ? source.repository
                                                                        : source.repository + "-" + source.revision);
}

}  // namespace dspy::models
