#include "dspy/models/pull.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/models/catalogue.hpp"
#include "dspy/models/source.hpp"
#include "dspy/models/store.hpp"
#include "models/files.hpp"
#include "models/hub.hpp"
#include "models/transfer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace dspy::models {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name, std::string_view preset) {
  const char* const value = std::getenv(name);
  std::string out = value != nullptr && *value != '\0' ? value : std::string(preset);
  while (out.ends_with('/')) out.pop_back();
  return out;
}

/// What the server of a file that is half here called it; nothing if that was another file.
std::optional<Validator> known_of(const fs::path& notes, const RemoteFile& file) {
  const auto text = attempt([&] { return read_text(notes, 1 << 16); });
  const auto json = text ? parse_json(*text) : parse_json("");
  const auto* const object = json ? json->if_object() : nullptr;
  if (object == nullptr) return std::nullopt;
  const auto text_at = [&](std::string_view key) {
    const auto* const value = object->if_contains(key);
    return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
  };
  if (text_at("address") != sha256(file.url) || text_at("sha256") != file.sha256) return std::nullopt;
  Validator out{.etag = text_at("etag")};
  if (const auto* const bytes = object->if_contains("bytes"); bytes != nullptr && bytes->is_int64())
    out.bytes = static_cast<std::uint64_t>(bytes->get_int64());
  return out;
}

void note(const fs::path& notes, const RemoteFile& file, const Validator& known) {
  // Not the address itself, which may be signed.
  JsonObject json{{"address", sha256(file.url)}, {"sha256", file.sha256}, {"etag", known.etag}};
  if (known.bytes) json["bytes"] = *known.bytes;
  replace_file(notes, dspy::to_text(Json(std::move(json))));
}

fs::path part_of(const fs::path& folder, const std::string& name) {
  return folder / (name + ".part");
}

fs::path notes_of(fs::path part) {
  return part += ".json";
}

void require_gguf(const fs::path& file, const RemoteFile& remote) {
  std::ifstream in(file, std::ios::binary);
  std::string magic(4, '\0');
  in.read(magic.data(), 4);
  if (in && magic == "GGUF") return;
  in.close();
  remove_file(file);
  remove_file(notes_of(file));
  throw Error(Errc::model_load_error, std::format("what came as `{}` is not a GGUF file{}; check the address",
                                                  remote.name, magic.starts_with("<") ? ", but a page" : ""));
}

struct Job {
  RemoteFile file = {};
  fs::path folder = {};
  Secret token = {};
  std::shared_ptr<http::Transport> transport = {};
  PullOptions options = {};
};

/// Takes one body to its end, or to where it breaks.
Async<Transfer::Step> take(Job& job, Transfer& transfer, GrowingFile& file, std::unique_ptr<http::Body> body,
                           std::uint64_t& fetched) {
  std::optional<Error> failed;
  try {
    while (auto bytes = co_await body->next()) {
      transfer.on_bytes(bytes->size());
      file.append(*bytes);
      fetched += bytes->size();
      if (job.options.progress) job.options.progress({job.file.name, transfer.have(), transfer.total()});
    }
  } catch (const Error& error) {
    if (error.code() == Errc::io_error) throw;
    failed = error;
  }
  co_return failed ? transfer.on_failure(*failed) : transfer.on_end();
}

/// Fetches one file, which is not yet put in its place.  Returns what is kept of it, and adds to `fetched`.
Async<KeptFile> fetch(Job job, std::uint64_t& fetched) {
  const auto part = part_of(job.folder, job.file.name);
  const auto notes = notes_of(part);
  const auto noted = known_of(notes, job.file);
  GrowingFile file(part);
  if (!noted || (noted->etag.empty() && job.file.sha256.empty())) file.restart();
  const auto known = file.size() > 0 ? *noted : Validator();
  if (job.file.bytes && file.size() > *job.file.bytes) file.restart();
  note(notes, job.file, known);
  Transfer transfer(job.file, job.token, file.size(), known,
                    {.attempts = job.options.attempts, .pause = job.options.pause});
  const auto tell = [&](std::string words) {
    if (job.options.progress)
      job.options.progress({job.file.name, transfer.have(), transfer.total(), std::move(words)});
  };
  bool has_room = false;
  Transfer::Step step = Transfer::Ask();
  if (file.size() > 0 && transfer.total() == file.size()) step = Transfer::Done();
  for (;;) {
    if (const auto* const ask = std::get_if<Transfer::Ask>(&step)) {
      if (ask->forgets) file.restart();
      if (ask->pause.count() > 0) {
        tell(std::format("waiting {:.1f} s before the next try", static_cast<double>(ask->pause.count()) / 1000));
        co_await sleep(ask->pause, job.options.stop);
      }
    } else if (std::holds_alternative<Transfer::Done>(step)) {
      const auto digest = file.finish();
      if (!transfer.sha256().empty() && digest != transfer.sha256()) {
        file.restart();
        step = transfer.on_wrong_digest(digest);
        tell("the checksum is wrong; fetching it anew");
        continue;
      }
      require_gguf(part, job.file);
      co_return KeptFile{.name = job.file.name, .bytes = file.size(), .sha256 = digest};
    }
    auto request = transfer.request();
    request.stop = job.options.stop;
    request.timeouts.first_byte = std::chrono::seconds(60);
    request.timeouts.idle = std::chrono::seconds(60);
    std::optional<Error> failed;
    http::Streamed reply;
    try {
      reply = co_await job.transport->open(std::move(request));
    } catch (const Error& error) {
      failed = error;
    }
    step = failed ? transfer.on_failure(*failed)
                  : transfer.on_header(reply.status, reply.headers, std::chrono::system_clock::now());
    const bool restarts = std::holds_alternative<Transfer::Restart>(step);
    if (!restarts && !std::holds_alternative<Transfer::Append>(step)) continue;
    if (restarts) file.restart();
    if (!std::exchange(has_room, true) && transfer.total())
      require_room(job.folder, *transfer.total() - transfer.have());
    note(notes, job.file, transfer.validator());
    step = co_await take(job, transfer, file, std::move(reply.body), fetched);
  }
}

/// Whether the file that is here is the one that is offered.
const KeptFile* same_as(const RemoteFile& file, const std::optional<KeptModel>& before, bool is_same_revision) {
  if (!before) return nullptr;
  const auto found = std::ranges::find(before->files, file.name, &KeptFile::name);
  if (found == before->files.end()) return nullptr;
  std::error_code error;
  if (fs::file_size(before->folder / file.name, error) != found->bytes || error) return nullptr;
  const bool is_same = file.sha256.empty() ? is_same_revision : file.sha256 == found->sha256;
  return is_same ? &*found : nullptr;
}

std::string now_text() {
  return std::format("{:%FT%TZ}", std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

void apply_catalogue(Offer& offer, const CatalogueEntry& entry) {
  if (!entry.license.empty()) offer.license = entry.license;
  if (!entry.sha256.empty()) offer.files.front().sha256 = entry.sha256;
  if (entry.bytes) offer.files.front().bytes = entry.bytes;
}

}  // namespace

Async<Pulled> pull(std::string wanted, Catalogue catalogue, ModelStore store, PullOptions options) {
  const auto asked = parse_source(wanted);
  auto source = asked;
  const CatalogueEntry* entry = nullptr;
  if (asked.kind == Source::Kind::catalogue) {
    entry = catalogue.find(asked.name);
    if (entry == nullptr) {
      std::vector<std::string> names;
      for (const auto& each : catalogue.entries()) names.push_back(each.name);
      const auto near = text::nearest(asked.name, names);
      throw Error(Errc::model_not_found, std::format("the catalogue has no `{}`; {}", asked.name,
                                                     near ? std::format("did you mean `{}`?", *near)
                                                          : "it has " + text::enumerate(names, "`", "and")));
    }
    source = parse_source(entry->source);
  }
  const auto name = options.name.empty() ? default_name(asked) : options.name;
  if (!is_model_name(name))
    throw Error(Errc::invalid_parameter,
                std::format("`{}` is not a name: use letters, digits, `.`, `-` and `_`", name));
  Hub hub{
      .transport = options.transport ? options.transport : http::default_transport(),
      .hugging_face =
          options.hugging_face.empty() ? environment("HF_ENDPOINT", "https://huggingface.co") : options.hugging_face,
      .ollama = options.ollama.empty() ? environment("OLLAMA_ENDPOINT", "https://registry.ollama.ai") : options.ollama,
      .token = options.token,
      .stop = options.stop,
      .with_senses = options.with_senses};
  if (hub.token.is_empty()) hub.token = Secret(environment("HF_TOKEN", ""));
  auto offer = co_await offer_of(source, hub);
  if (entry != nullptr) apply_catalogue(offer, *entry);
  // A hub's words are shown on terminals.
  std::erase_if(offer.license, [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F; });

  Pulled out;
  out.model = {.name = name,
               .source = to_text(asked),
               .revision = offer.revision,
               .license = offer.license,
               .pulled = now_text(),
               .folder = store.folder() / name};
  make_folder(out.model.folder);
  auto lock = FolderLock::attempt(out.model.folder);
  while (!lock) {
    if (options.progress) options.progress({.file = name, .note = "another dspy is fetching it; waiting"});
    co_await sleep(std::chrono::milliseconds(200), options.stop);
    lock = FolderLock::attempt(out.model.folder);
  }
  const auto before = store.find(name);
  if (before && before->source != out.model.source)
    throw Error(
        Errc::invalid_parameter,
        std::format("`{}` is already the model from `{}`; keep this one under another name (--name), or remove that "
                    "one (`dspy models rm {}`)",
                    name, before->source, name));
  if (options.progress && !offer.license.empty())
    options.progress({.file = offer.files.front().name, .note = "licence: " + offer.license});
  const bool is_same_revision = before && !offer.revision.empty() && before->revision == offer.revision;
  std::vector<std::string> came;
  for (auto& file : offer.files) {
    if (const auto* const kept = same_as(file, before, is_same_revision)) {
      out.model.files.push_back(*kept);
      continue;
    }
    Job job{.file = std::move(file),
            .folder = out.model.folder,
            .token = offer.takes_token ? hub.token : Secret(),
            .transport = hub.transport,
            .options = options};
    out.model.files.push_back(co_await fetch(std::move(job), out.fetched));
    came.push_back(out.model.files.back().name);
  }
  // All of a model in parts changes at once.
  for (const auto& each : came) {
    const auto part = part_of(out.model.folder, each);
    move_into_place(part, out.model.folder / each);
    remove_file(notes_of(part));
  }
  if (before) {
    if (out.fetched == 0 && out.model.files == before->files) out.model.pulled = before->pulled;
    for (const auto& old : before->files) {
      if (!std::ranges::contains(out.model.files, old.name, &KeptFile::name)) remove_file(out.model.folder / old.name);
    }
  }
  store.keep(out.model);
  co_return out;
}

}  // namespace dspy::models
