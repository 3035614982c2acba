// The browser asks the API. It is given what it may see, and never a secret.
const { characters } = await (await fetch('/api/greeting')).json();
document.querySelector('#shown').textContent = `characters: ${characters}`;
