/* library.c - the other piece: texts, and a function that finds them. */
static const char *const text[] = { "Hello from the other piece.", "And once more." };

int greetings = sizeof(text) / sizeof(*text);

const char *greeting(int n)
{
	return text[n];
}
