// Holds a store that is a server against the plain loop of `MemoryStore`: the same passages, filters and searches.
//     store_probe URI          exits with 0 where all answers are the same

#include "dspy/base/wait.hpp"
#include "dspy/retrieve/remote/schemes.hpp"
#include "dspy/retrieve/store.hpp"
#include "support/remote_conformance.hpp"

#include <exception>
#include <format>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const auto store = dspy::open_store(argv[1]);
    dspy::test::StoreConformance conformance(store);
    conformance.run();
    for (const auto& what : conformance.different()) std::cout << "different: " << what << '\n';
    std::cout << std::format("{}: {} answers the same, {} filters refused, {} different\n",
                             dspy::wait(store->info()).kind, conformance.same(), conformance.refused(),
                             conformance.different().size());
    return conformance.different().empty() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
