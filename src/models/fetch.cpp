#include "models/fetch.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/models/store.hpp"
#include "models/files.hpp"
#include "models/transfer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <format>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dspy::models {
namespace {

namespace fs = std::filesystem;

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
  Validator out{.etag = text_at("etag"), .modified = text_at("modified")};
  if (const auto* const bytes = object->if_contains("bytes"); bytes != nullptr && bytes->is_int64())
    out.bytes = static_cast<std::uint64_t>(bytes->get_int64());
  return out;
}

void note(const fs::path& notes, const RemoteFile& file, const Validator& known) {
  // Not the address itself, which may be signed.
  JsonObject json{
      {"address", sha256(file.url)}, {"sha256", file.sha256}, {"etag", known.etag}, {"modified", known.modified}};
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
  throw Error(Errc::model_load_error, std::format("the download `{}` is not a GGUF file{}; check the address",
                                                  remote.name, magic.starts_with("<") ? ", but a page" : ""));
}

/// Asks for what is missing, and reads the header of the reply.
Async<Transfer::Step> ask(const FetchJob& job, Transfer& transfer, std::unique_ptr<http::Body>& body) {
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
  body = std::move(reply.body);
  co_return failed ? transfer.on_failure(*failed)
                   : transfer.on_header(reply.status, reply.headers, std::chrono::system_clock::now());
}

/// Takes one body to its end, or to where it breaks.
Async<Transfer::Step> take(FetchJob& job, Transfer& transfer, GrowingFile& file, std::unique_ptr<http::Body> body,
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

}  // namespace

std::uint64_t missing_bytes(const RemoteFile& file, const fs::path& folder) {
  std::error_code error;
  const auto here = fs::file_size(part_of(folder, file.name), error);
  const auto whole = file.bytes.value_or(0);
  return error ? whole : whole - std::min<std::uint64_t>(whole, here);
}

Async<std::optional<KeptFile>> fetch(FetchJob job, std::uint64_t& fetched) {
  const auto part = part_of(job.folder, job.file.name);
  const auto notes = notes_of(part);
  const auto noted = known_of(notes, job.file);
  GrowingFile file(part);
  if (!noted || (!noted->names() && job.file.sha256.empty())) file.restart();
  const auto known = file.size() > 0 ? *noted : Validator();
  if (job.file.bytes && file.size() > *job.file.bytes) file.restart();
  note(notes, job.file, known);
  Transfer transfer(job.file, job.token, file.size(), known,
                    {.attempts = job.options.attempts, .pause = job.options.pause});
  if (job.present) transfer.compare_with(*job.present);
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
        tell("the checksum is wrong; downloading it again");
        continue;
      }
      require_gguf(part, job.file);
      co_return KeptFile{.name = job.file.name,
                         .bytes = file.size(),
                         .sha256 = digest,
                         .etag = transfer.validator().etag,
                         .modified = transfer.validator().modified};
    } else if (std::holds_alternative<Transfer::Unchanged>(step)) {
      remove_file(part);
      remove_file(notes);
      co_return std::nullopt;
    }
    std::unique_ptr<http::Body> body;
    step = co_await ask(job, transfer, body);
    const bool restarts = std::holds_alternative<Transfer::Restart>(step);
    if (!restarts && !std::holds_alternative<Transfer::Append>(step)) continue;
    if (restarts) file.restart();
    if (!std::exchange(has_room, true) && transfer.total())
      require_room(job.folder, *transfer.total() - transfer.have());
    note(notes, job.file, transfer.validator());
    step = co_await take(job, transfer, file, std::move(body), fetched);
  }
}

void put_in_place(const fs::path& folder, const std::string& name) {
  const auto part = part_of(folder, name);
  move_into_place(part, folder / name);
  remove_file(notes_of(part));
}

}  // namespace dspy::models
