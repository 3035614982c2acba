'use client';

// what a client component is given is sent to the browser: never a secret
export function Shown({ characters }) {
  return <p>{`characters: ${characters}`}</p>;
}
