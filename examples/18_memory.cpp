// An agent's memory: a conversation in a file, the part of it that fits into a prompt, and blocks
// that the agent edits.

#include "dspy/agents/memory/blocks.hpp"
#include "dspy/agents/memory/context_builder.hpp"
#include "dspy/agents/memory/conversation_store.hpp"
#include "dspy/agents/tool_outcome.hpp"
#include "dspy/base/wait.hpp"

#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using dspy::Message;
using dspy::Role;

int main() {
  const auto folder = std::filesystem::temp_directory_path() / "dspy-example-memory";
  std::filesystem::remove_all(folder);
  {
    dspy::ConversationStore store(folder / "chats.sqlite");
    store.add("ada", {Role::user, "My card has the number 4000 1234."});
    store.add("ada", {Role::assistant, "I will not keep that."});
    for (int i = 1; i <= 5; ++i) {
      store.add("ada", {Role::user, "Question " + std::to_string(i) + " about the invoices of last year."});
      store.add("ada", {Role::assistant, "Answer " + std::to_string(i) + "."});
    }
    std::cout << "forgotten: " << store.forget("ada", 1) << '\n';

    std::vector<Message> history;
    for (auto& stored : store.messages("ada")) history.push_back(std::move(stored.message));
    dspy::ContextBuilder builder({.max_tokens = 60});
    builder.add({.name = "instructions", .messages = {{Role::system, "Be brief."}}, .required = true});
    builder.add({.name = "history", .messages = history, .may_be_cut = true});
    builder.add({.name = "question", .messages = {{Role::user, "And this year?"}}, .required = true});
    const auto built = builder.build();
    std::cout << "prompt: " << built.messages.size() << " messages, " << built.tokens << " tokens\n";
    for (const auto& gone : built.left_out)
      std::cout << "left out: " << gone.messages << " messages of " << gone.name << '\n';
  }
  std::filesystem::remove_all(folder);

  dspy::MemoryBlocks blocks({{.name = "user", .description = "What is known of the user.", .text = "Name: Ada"}});
  const auto outcome =
      dspy::wait(blocks.tools().call("memory_append", {{"block", "user"}, {"text", "Wants short answers."}}));
  std::cout << dspy::observation(outcome) << '\n' << blocks.to_prompt() << '\n';
}
