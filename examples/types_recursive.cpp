// A type that holds itself: a tree of any depth.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Topic {
  std::string title;
  std::vector<Topic> parts;
};

struct Outline {
  static constexpr auto instructions = "Outline an article about the subject.";
  struct Input {
    std::string subject;
  };
  struct Output {
    Topic outline;
  };
};

void print(const Topic& topic, int depth) {
  std::cout << std::string(static_cast<std::size_t>(depth) * 2, ' ') << topic.title << '\n';
  for (const auto& part : topic.parts) print(part, depth + 1);
}

}  // namespace

int main() {
  std::cout << dspy::to_notation(dspy::type_of<Topic>()) << '\n';

  const auto lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{
      R"({"outline": {"title": "Tea", "parts": [{"title": "Leaves", "parts": [{"title": "Green", "parts": []},
          {"title": "Black", "parts": []}]}, {"title": "Water", "parts": []}]}})"});
  const dspy::Predict<Outline> write({.lm = lm, .adapter = dspy::adapter("json")});
  print(write({.subject = "tea"}).outline, 0);
}
