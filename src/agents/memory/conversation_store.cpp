#include "dspy/agents/memory/conversation_store.hpp"

#include "dspy/agents/memory/memory.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "dspy/storage/database.hpp"

#include <algorithm>
#include <format>
#include <span>
#include <utility>

namespace dspy {
namespace {

using Microseconds = std::chrono::microseconds;

const storage::DatabaseOptions how_to_open = {
    .migrations =
        {"CREATE TABLE conversations(id TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;"
         "CREATE TABLE messages(conversation TEXT NOT NULL REFERENCES conversations(id), sequence INTEGER NOT NULL,"
         " time INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY(conversation, sequence)) WITHOUT ROWID;"},
    .purpose = "store of conversations"};

bool begins_with_result(const StoredMessage& stored) {
  return std::ranges::any_of(stored.message.parts,
                             [](const Part& part) { return part.get<ToolResultPart>() != nullptr; });
}

std::chrono::system_clock::time_point to_time(std::int64_t microseconds) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(Microseconds(microseconds)));
}

Message read(std::string_view text, std::string_view conversation, std::int64_t sequence) {
  const auto parsed = parse_json(text);
  if (!parsed || !parsed->is_object())
    throw Error(Errc::io_error,
                std::format("message {} of the conversation `{}` cannot be read", sequence, conversation));
  return message_from_json(parsed->get_object());
}

}  // namespace

struct ConversationStore::Impl {
  storage::Database database;
  ConversationStoreOptions options;

  /// Nothing of what was deleted stays in the file or its log.
  void overwrite() { database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").step(); }
};

ConversationStore::ConversationStore(const std::filesystem::path& path, ConversationStoreOptions options)
    : impl_(std::make_unique<Impl>(storage::Database(path, how_to_open), std::move(options))) {
  impl_->database.prepare("PRAGMA secure_delete=ON").step();
}

ConversationStore::~ConversationStore() = default;
ConversationStore::ConversationStore(ConversationStore&&) noexcept = default;
ConversationStore& ConversationStore::operator=(ConversationStore&&) noexcept = default;

std::int64_t ConversationStore::add(std::string_view conversation, Message message) {
  if (impl_->options.redact) message = impl_->options.redact(std::move(message));
  const auto text = to_text(to_json(message));
  const auto time =
      std::chrono::duration_cast<Microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  auto& database = impl_->database;
  std::int64_t sequence = 0;
  database.transaction([&] {
    database.prepare("INSERT INTO conversations(id, next) VALUES(?, 1) ON CONFLICT DO NOTHING")
        .bind_text(1, conversation)
        .run();
    auto next = database.prepare("SELECT next FROM conversations WHERE id = ?");
    next.bind_text(1, conversation).step();
    sequence = next.integer(0);
    next.reset();
    database.prepare("UPDATE conversations SET next = next + 1 WHERE id = ?").bind_text(1, conversation).run();
    database.prepare("INSERT INTO messages(conversation, sequence, time, message) VALUES(?, ?, ?, ?)")
        .bind_text(1, conversation)
        .bind(2, sequence)
        .bind(3, time)
        .bind_text(4, text)
        .run();
  });
  return sequence;
}

std::vector<StoredMessage> ConversationStore::messages(std::string_view conversation,
                                                       std::optional<std::size_t> most) const {
  auto rows = impl_->database.prepare(
      "SELECT sequence, time, message FROM messages WHERE conversation = ? ORDER BY sequence DESC LIMIT ?");
  rows.bind_text(1, conversation).bind(2, most ? static_cast<std::int64_t>(*most) : std::int64_t{-1});
  std::vector<StoredMessage> out;
  while (rows.step())
    out.push_back({.sequence = rows.integer(0),
                   .message = read(rows.bytes(2), conversation, rows.integer(0)),
                   .time = to_time(rows.integer(1))});
  std::ranges::reverse(out);
  if (most && out.size() == *most) out.erase(out.begin(), std::ranges::find_if_not(out, begins_with_result));
  return out;
}

std::vector<ConversationInfo> ConversationStore::conversations() const {
  auto rows = impl_->database.prepare(
      "SELECT conversation, COUNT(*), MAX(time) FROM messages GROUP BY conversation ORDER BY MAX(time) DESC, "
      "conversation");
  std::vector<ConversationInfo> out;
  while (rows.step())
    out.push_back({.id = std::string(rows.bytes(0)),
                   .messages = static_cast<std::size_t>(rows.integer(1)),
                   .last = to_time(rows.integer(2))});
  return out;
}

std::size_t ConversationStore::forget(std::string_view conversation, std::int64_t sequence) {
  const auto all = messages(conversation);
  std::vector<Message> plain;
  for (const auto& each : all) plain.push_back(each.message);
  std::size_t begin = 0, count = 0;
  for (const auto& group : message_groups(plain)) {
    const auto members = std::span(all).subspan(begin, group.size());
    if (std::ranges::contains(members, sequence, &StoredMessage::sequence)) {
      impl_->database.transaction([&] {
        for (const auto& each : members)
          count += impl_->database.prepare("DELETE FROM messages WHERE conversation = ? AND sequence = ?")
                       .bind_text(1, conversation)
                       .bind(2, each.sequence)
                       .run();
      });
      impl_->overwrite();
      return count;
    }
    begin += group.size();
  }
  return 0;
}

std::size_t ConversationStore::forget(std::string_view conversation) {
  const auto count =
      impl_->database.prepare("DELETE FROM messages WHERE conversation = ?").bind_text(1, conversation).run();
  impl_->overwrite();
  return count;
}

}  // namespace dspy
