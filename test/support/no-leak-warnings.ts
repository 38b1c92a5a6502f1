/** A warning of Node's that something leaks fails the file in which it is given: users would see it too. */
process.on('warning', (warning) => {
  if (warning.name === 'MaxListenersExceededWarning') {
    throw warning;
  }
});
