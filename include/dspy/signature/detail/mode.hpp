#pragma once

// Does this compiler reflect?  `DSPY_REFLECTION` may be set to 0 to do without, as C++23 must.

#if !defined(DSPY_REFLECTION)
#if defined(__cpp_impl_reflection)
#define DSPY_REFLECTION 1
#else
#define DSPY_REFLECTION 0
#endif
#endif

#if DSPY_REFLECTION
#include <meta>
#endif

// One program may hold code of both modes; different names keep it apart (the one-definition rule).
#if DSPY_REFLECTION
#define DSPY_REFLECTION_NAMESPACE reflect26
#else
#define DSPY_REFLECTION_NAMESPACE reflect23
#endif
