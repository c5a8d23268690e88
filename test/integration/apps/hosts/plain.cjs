require('./calls.cjs')
  .calls()
  .then((report) => console.log(JSON.stringify(report)));
