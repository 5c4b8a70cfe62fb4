#include "agents/mcp/channel.hpp"
#include "agents/process/child.hpp"
#include "base/bell.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <deque>
#include <format>
#include <map>
#include <mutex>
#include <utility>

namespace dspy::rpc {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

/// A question whose answer has not come.
struct Pending {
  std::shared_ptr<Bell> bell = std::make_shared<Bell>();
  // Under the channel's lock.
  std::deque<Call> notes = {};
  std::optional<Answer> answer = {};
  SteadyTime until = SteadyTime::max();
  bool is_cancelled = false;
};

constexpr int most_stray_lines = 100;
constexpr std::size_t most_notes = 10'000;

struct Link {
  std::string command;
  std::size_t message_bytes = 0;
  std::chrono::milliseconds patience{0};
  Channel::OnCall on_call;

  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Pending>> pending;  ///< By id, as text.
  std::string line;
  int stray = 0;
  std::string ended;  ///< Why; empty while it runs.
  /// The owner's; calls that are under way use it under the lock.
  process::Child* child = nullptr;

  bool send(const JsonObject& message) {
    auto text = to_text(message);
    text += '\n';
    const std::lock_guard lock(mutex);
    return child != nullptr && child->send(text);
  }

  /// False: the server is to be killed.
  bool take(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      line += bytes.substr(0, end);
      if (line.size() > message_bytes) {
        fail(std::format("it sent a message of more than {} bytes (McpOptions::message_bytes)", message_bytes));
        return false;
      }
      if (end == std::string_view::npos) return true;
      bytes.remove_prefix(end + 1);
      const auto whole = std::exchange(line, {});
      if (!text::trim(whole).empty() && !take_line(whole)) return false;
    }
    return true;
  }

  bool take_line(std::string_view text) {
    auto message = read(text);
    if (!message) {
      log(LogLevel::warning, "mcp",
          std::format("`{}` wrote a line that is not a message: {}", command, message.error().message));
      if (++stray <= most_stray_lines) return true;
      fail("its standard output is not JSON-RPC");
      return false;
    }
    if (auto* const answer = std::get_if<Answer>(&*message)) {
      deliver(std::move(*answer));
    } else {
      auto& call = std::get<Call>(*message);
      if (call.is_notification()) {
        note(std::move(call));
      } else {
        answer_call(std::move(call));
      }
    }
    return true;
  }

  void deliver(Answer answer) {
    const std::lock_guard lock(mutex);
    const auto found = pending.find(to_text(answer.id));
    if (found == pending.end()) return;  // given up meanwhile
    found->second->answer = std::move(answer);
    found->second->bell->ring();
  }

  void note(Call call) {
    const auto* const token = call.params.if_contains("progressToken");
    if (token == nullptr) return;
    const std::lock_guard lock(mutex);
    const auto found = pending.find(to_text(*token));
    if (found == pending.end() || found->second->notes.size() >= most_notes) return;
    found->second->notes.push_back(std::move(call));
    found->second->bell->ring();
  }

  void answer_call(Call call);
  std::weak_ptr<Link> self;

  void fail(std::string why) {
    const std::lock_guard lock(mutex);
    if (ended.empty()) ended = std::move(why);
    for (const auto& [id, each] : pending) each->bell->ring();
  }

  void ring_late() {
    const std::lock_guard lock(mutex);
    for (const auto& [id, each] : pending)
      if (each->until <= std::chrono::steady_clock::now()) each->bell->ring();
    set_alarm();
  }

  /// Under the lock.
  void set_alarm() {
    auto first = SteadyTime::max();
    for (const auto& [id, each] : pending)
      if (each->until > std::chrono::steady_clock::now()) first = std::min(first, each->until);
    if (first != SteadyTime::max() && child != nullptr) child->set_alarm(first);
  }
};

void Link::answer_call(Call call) {
  static_cast<void>(spawn([](std::shared_ptr<Link> link, Call asked) -> Async<void> {
    link->send(to_json(co_await link->on_call(std::move(asked))));
  }(self.lock(), std::move(call))));
}

/// Takes a question out of the list at its end.
class Waiting {
 public:
  Waiting(std::shared_ptr<Link> link, std::string id, std::shared_ptr<Pending> pending)
      : link_(std::move(link)), id_(std::move(id)) {
    const std::lock_guard lock(link_->mutex);
    const bool is_first = pending->until < SteadyTime::max();
    link_->pending[id_] = std::move(pending);
    if (is_first) link_->set_alarm();
  }
  ~Waiting() {
    const std::lock_guard lock(link_->mutex);
    link_->pending.erase(id_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::shared_ptr<Link> link_;
  std::string id_;
};

void cancel(Link& link, Pending& pending) {
  const std::lock_guard lock(link.mutex);
  pending.is_cancelled = true;
  pending.bell->ring();
}

void tell_cancelled(Link& link, const Question& question, std::string_view reason) {
  if (question.call.method == "initialize") return;  // which must not be cancelled
  link.send(to_json(
      Call{.method = "notifications/cancelled", .params = {{"requestId", question.call.id}, {"reason", reason}}}));
}

Async<Answer> asked(std::shared_ptr<Link> link, Question question) {
  const auto pending = std::make_shared<Pending>();
  if (question.deadline) pending->until = *question.deadline;
  const Waiting waiting(link, to_text(question.call.id), pending);
  const std::stop_callback on_stop(question.stop, std::function<void()>([link, pending] { cancel(*link, *pending); }));
  const bool is_sent = link->send(to_json(question.call));
  while (true) {
    std::deque<Call> notes;
    std::optional<Answer> answer;
    std::string ended;
    bool is_cancelled = false;
    {
      const std::lock_guard lock(link->mutex);
      notes.swap(pending->notes);
      answer = std::move(pending->answer);
      ended = link->ended;
      is_cancelled = pending->is_cancelled;
    }
    if (question.on_note)
      for (const auto& note : notes) question.on_note(note);
    if (answer) co_return *std::move(answer);
    if (!is_sent && ended.empty()) ended = "it does not read its standard input";
    if (!ended.empty())
      throw Error(Errc::unavailable, std::format("the MCP server `{}` has ended: {}", link->command, ended));
    if (is_cancelled) {
      tell_cancelled(*link, question, "the caller asked to stop");
      throw Error(Errc::cancelled, "the caller asked to stop; the MCP server was notified");
    }
    if (pending->until <= std::chrono::steady_clock::now()) {
      tell_cancelled(*link, question, "the time for the call is over");
      throw Error(Errc::deadline_exceeded,
                  std::format("the MCP server `{}` did not answer `{}` in time; it was notified", link->command,
                              question.call.method));
    }
    co_await Bell::wait(pending->bell, [link, pending] { cancel(*link, *pending); });
  }
}

class StdioChannel final : public Channel {
 public:
  StdioChannel(const std::string& command, const McpOptions& options, OnCall on_call)
      : link_(std::make_shared<Link>()), patience_(options.patience) {
    link_->command = command;
    link_->message_bytes = options.message_bytes;
    link_->on_call = std::move(on_call);
    link_->self = link_;
    auto environment = process::inherited_environment({"PATH", "HOME", "USER", "LANG", "TMPDIR"});
    environment.insert(environment.end(), options.environment.begin(), options.environment.end());
    const std::lock_guard lock(link_->mutex);
    child_ = std::make_unique<process::Child>(
        process::ChildOptions{.argv = split_command(command), .environment = std::move(environment)},
        process::Child::Handlers{.on_bytes = [link = link_](std::string_view bytes) { return link->take(bytes); },
                                 .on_end = [link = link_](const process::ChildEnd& end) { tell_end(*link, end); },
                                 .on_alarm = [link = link_] { link->ring_late(); }});
    link_->child = child_.get();
  }
  ~StdioChannel() override {
    {
      const std::lock_guard lock(link_->mutex);
      link_->child = nullptr;
    }
    child_->end(patience_);
    const auto until = std::chrono::steady_clock::now() + 2 * patience_;
    while (child_->is_running() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  StdioChannel(const StdioChannel&) = delete;
  StdioChannel& operator=(const StdioChannel&) = delete;

  Async<Answer> ask(Question question) override { return asked(link_, std::move(question)); }
  Async<void> tell(Question note) override {
    return [](std::shared_ptr<Link> link, Question what) -> Async<void> {
      link->send(to_json(what.call));
      co_return;
    }(link_, std::move(note));
  }
  bool is_open() const override {
    const std::lock_guard lock(link_->mutex);
    return link_->ended.empty();
  }

 private:
  /// On the program's thread.
  static void tell_end(Link& link, const process::ChildEnd& end) {
    auto why = "it " + process::to_text(end);
    std::string errors;
    {
      const std::lock_guard lock(link.mutex);
      if (link.child != nullptr) errors = link.child->errors();
    }
    const auto said = text::trim(errors);
    if (!said.empty())
      why += std::format("; its last words: {}", said.substr(said.size() - std::min<std::size_t>(said.size(), 1'000)));
    link.fail(std::move(why));
  }

  std::shared_ptr<Link> link_;
  std::chrono::milliseconds patience_;
  std::unique_ptr<process::Child> child_;
};

}  // namespace

std::shared_ptr<Channel> stdio_channel(const std::string& command, const McpOptions& options, Channel::OnCall on_call) {
  return std::make_shared<StdioChannel>(command, options, std::move(on_call));
}

}  // namespace dspy::rpc
