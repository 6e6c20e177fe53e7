// Worker of pattern.js: told an interval in milliseconds, says so each time it has passed.
onmessage = ({ data }) => setInterval(() => postMessage(0), data);
