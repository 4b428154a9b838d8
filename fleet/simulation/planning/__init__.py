"""What will next month need and cost, and which settings would serve it better?

gather (the past) -> outlook (a forecast that was tested on the past itself) -> trials (the production deciders on the
busiest and the usual day, scaled to the forecast) -> proposals. May not live here: anything that changes a setting.
"""
